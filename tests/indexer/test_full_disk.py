"""A disk that is full at one write after the other: a plain line, nothing lost, and the next run with room heals it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, text

from indexer import index
from indexer.forget import Selection, forget, plan_forgetting
from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.faiss_index import open_index
from retrieval.store.index_updates import rebuild_index
from retrieval.store.schema import Embedding, File

FILES = 60
ROOM = "16m"


@contextmanager
def _small_disk(folder: Path) -> Iterator[Callable[[str], None]]:
    """A file system of its own at ``folder``; gives a function that sets its size."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)], check=True)
    try:
        yield lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", str(folder)], check=True) and None
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root")
    with _small_disk(tmp_path / "disk") as resize:
        yield tmp_path / "disk", resize


def _assert_whole(library: Path, files: int) -> None:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        assert connection.scalar(select(func.count()).select_from(File)) == files
        assert connection.scalar(select(func.count()).select_from(Embedding)) == files
        row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
        ids = set(connection.scalars(select(Embedding.vector_id)))
    with Catalog(library) as catalog:
        found = open_index(catalog, row).search(np.ones((1, 4), np.float32), files + 1)[1][0]
    assert {int(vector_id) for vector_id in found if vector_id >= 0} == ids


def _assert_plain(lines: list[str]) -> None:
    strange = [line for line in lines if "\n" in line or not any(word in line for word in ("make room", "disk"))]
    assert strange == []


def _used_kilobytes(disk: Path) -> int:
    facts = os.statvfs(disk)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize // 1024


@pytest.mark.long
def test_at_every_write(
    plain_work: Any,
    disk: tuple[Path, Callable[[str], None]],
    tmp_path: Path,
    empty_library: Path,
    write_file: Callable[..., None],
) -> None:
    folder, resize = disk
    library, tree = folder / "library", tmp_path / "tree"
    for number in range(FILES):
        write_file(tree / f"{number}.jpg", str(number).encode())
    told: list[str] = []
    for room in range(0, 400, 8):  # kilobytes beyond what the empty library takes
        resize(ROOM)
        shutil.rmtree(library, ignore_errors=True)
        shutil.copytree(empty_library, library)
        resize(f"{_used_kilobytes(folder) + room}k")
        try:
            index([tree], library)
        except LibraryError as error:
            told.append(str(error))
        resize(ROOM)
        index([tree], library)
        _assert_whole(library, FILES)
    assert 0 < len(told) < 50
    _assert_plain(told)


@pytest.mark.long
def test_while_forgetting_and_rebuilding(
    plain_work: Any,
    disk: tuple[Path, Callable[[str], None]],
    tmp_path: Path,
    empty_library: Path,
    write_file: Callable[..., None],
) -> None:
    folder, resize = disk
    library, tree = folder / "library", tmp_path / "tree"
    for number in range(FILES):
        write_file(tree / ("out" if number % 2 else "kept") / f"{number}.jpg", str(number).encode())
    shutil.copytree(empty_library, library)
    index([tree], library)
    whole = Path(shutil.copytree(library, tmp_path / "whole"))
    selection = Selection.of([tree / "out"], missing=False)
    told: list[str] = []
    for room in range(0, 200, 8):
        resize(ROOM)
        shutil.rmtree(library)
        shutil.copytree(whole, library)
        resize(f"{_used_kilobytes(folder) + room}k")
        try:
            forget(library, selection, plan_forgetting(library, selection))
            with Catalog(library) as catalog, catalog.lock(), catalog.engine.connect() as connection:
                row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
                rebuild_index(catalog, row)
        except LibraryError as error:
            told.append(str(error))
        resize(ROOM)
        forget(library, selection, plan_forgetting(library, selection))
        _assert_whole(library, FILES // 2)
    _assert_plain(told)
