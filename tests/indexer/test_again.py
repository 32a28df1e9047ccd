"""Running again: what is tried again, what is read again, what is found to be gone, and what has moved."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from indexer import IndexReport, index, run
from indexer.work import Work
from retrieval.experts.appearance import Appearance
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Embedding, File

WriteFile = Callable[..., None]
Run = Callable[..., IndexReport]


@pytest.fixture
def tree(tmp_path: Path, write_file: WriteFile) -> Path:
    for number in range(10):
        write_file(tmp_path / "tree" / f"{number}.jpg")
    return tmp_path / "tree"


@pytest.fixture
def again(plain_work: Any, tree: Path, library: Path, empty_library: Path) -> Run:
    shutil.copytree(empty_library, library)

    def run_it(*roots: Path, **options: bool) -> IndexReport:
        return index(roots or [tree], library, **options)

    assert run_it().indexed == 10
    return run_it


def _vectors(library: Path) -> int:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(Embedding)) or 0


def test_rehash_finds_a_content_that_changed_under_the_same_facts(again: Run, tree: Path) -> None:
    before = (tree / "1.jpg").stat()
    with (tree / "1.jpg").open("r+b") as file:  # the same inode
        file.write(b"another")
    os.utime(tree / "1.jpg", ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert again().unchanged == 10
    report = again(rehash=True)
    assert (report.unchanged, report.failed) == (10, 0)
    assert _vectors(tree.parent / "library") == 11  # of the old content, too: nothing is removed but by forgetting


def test_rehash_finds_a_file_that_went_bad(again: Run, tree: Path) -> None:
    before = (tree / "1.jpg").stat()
    with (tree / "1.jpg").open("r+b") as file:
        file.write(b"bad")
    os.utime(tree / "1.jpg", ns=(before.st_mtime_ns, before.st_mtime_ns))
    report = again(rehash=True)
    assert (report.failed, report.still_failed, report.accounts.failed) == (1, 0, 1)
    assert again().still_failed == 1
    assert again(rehash=True).failed == 1
    assert again(retry_failed=True).failed == 1


@pytest.mark.parametrize("seconds", [-10 * 365 * 86400, -1, 1, 10 * 365 * 86400])
def test_a_clock_that_jumps_makes_a_file_changed_once(again: Run, tree: Path, seconds: int) -> None:
    facts = (tree / "1.jpg").stat()
    os.utime(tree / "1.jpg", (facts.st_mtime + seconds, facts.st_mtime + seconds))
    assert again().changed == 1
    assert again().unchanged == 10


def test_a_failure_of_the_moment_is_tried_again_and_one_for_good_is_not(
    again: Run, tree: Path, write_file: WriteFile
) -> None:
    write_file(tree / "bad.jpg", b"bad")
    write_file(tree / "later.jpg", b"later")
    assert again().failed == 2
    report = again()
    assert (report.failed, report.still_failed, report.accounts.failed) == (1, 1, 2)
    report = again(retry_failed=True)
    assert (report.failed, report.still_failed, report.accounts.failed) == (2, 0, 2)


def test_drives_that_go_and_return(again: Run, tree: Path, write_file: WriteFile, plain_work: Any) -> None:
    other = tree.parent / "other"
    write_file(other / "x.jpg")
    again(tree, other)
    decoded = len(plain_work.decoded)
    tree.rename(tree.with_name("unplugged"))
    report = again(tree, other)
    assert (report.missing, report.accounts.troubled_places) == (0, 1)
    tree.mkdir()
    report = again(tree, other)
    assert report.missing == 0
    assert any("empty though it held 10 files" in notice for notice in report.notices)
    tree.rmdir()
    tree.with_name("unplugged").rename(tree)
    report = again(tree, other)
    assert (report.unchanged, report.new, report.accounts.troubled_places) == (11, 0, 0)
    assert len(plain_work.decoded) == decoded


@pytest.mark.long
def test_a_moved_tree_of_ten_thousand_is_known_again_without_decoding(
    plain_work: Any,
    library: Path,
    empty_library: Path,
    tmp_path: Path,
    write_file: WriteFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(empty_library, library)
    monkeypatch.setattr(plain_work, "keeps_tracks", True)
    for number in range(10_000):
        write_file(tmp_path / "old" / str(number % 50) / f"{number}.jpg", f"picture {number}".encode())
    index([tmp_path], library)
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.setattr(run, "Work", Work)  # the real one, which reads the moved files to know them
    monkeypatch.setattr(Appearance, "encode", None)  # what is not decoded is not encoded
    began = time.monotonic()
    report = index([tmp_path], library)
    assert time.monotonic() - began < 60
    assert (report.moved, report.new, report.indexed, report.missing, report.failed) == (10_000, 0, 0, 0, 0)
    assert (report.accounts.found, report.accounts.indexed) == (10_000, 10_000)
    assert _vectors(library) == 10_000
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(File).where(File.present)) == 10_000
