"""A catalog that was restored from an older backup, with an index that is newer: never a wrong answer."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text

from indexer import index
from retrieval.errors import LibraryError
from retrieval.store import log_check
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.faiss_index import open_index
from retrieval.store.schema import Embedding

WriteFile = Callable[..., None]


def _plant(tree: Path, write_file: WriteFile, *names: str) -> None:
    for name in names:
        write_file(tree / f"{name}.jpg", name.encode())


def _assert_index_is_true(library: Path) -> None:
    """Held against brute force over the catalog's own rows, never against itself."""
    with Catalog(library) as catalog:
        with catalog.engine.connect() as connection:
            row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
            rows = connection.execute(select(Embedding.vector_id, Embedding.vector)).all()
        expected = {row.vector_id: np.frombuffer(row.vector, "<f2").astype(np.float32) for row in rows}
        queries = np.random.default_rng(0).normal(size=(5, row.dim)).astype(np.float32)
        scores, ids = open_index(catalog, row).search(queries, len(expected) + 5)
    for query, found_scores, found in zip(queries, scores, ids, strict=True):
        assert {int(vector_id) for vector_id in found if vector_id >= 0} == expected.keys()
        for score, vector_id in zip(found_scores, found, strict=True):
            assert vector_id < 0 or score == pytest.approx(float(query @ expected[int(vector_id)]), abs=1e-4)


@pytest.mark.parametrize("others", [2, 3, 5], ids=["fewer than before", "as many as before", "more than before"])
def test_vectors_of_a_lost_state_are_never_taken_for_those_of_this_one(
    plain_work: Any, library: Path, empty_library: Path, tmp_path: Path, write_file: WriteFile, others: int
) -> None:
    shutil.copytree(empty_library, library)
    tree = tmp_path / "tree"
    _plant(tree, write_file, "a", "b", "c")
    index([tree], library)
    shutil.copy(library / "catalog.sqlite", tmp_path / "backup.sqlite")
    _plant(tree, write_file, "lost 1", "lost 2", "lost 3")
    index([tree], library)
    for name in ("lost 1", "lost 2", "lost 3"):
        (tree / f"{name}.jpg").unlink()
    shutil.copy(tmp_path / "backup.sqlite", library / "catalog.sqlite")
    _plant(tree, write_file, *(f"other {number}" for number in range(others)))
    index([tree], library)  # its own saving reads the newer index first
    _assert_index_is_true(library)


def test_an_index_that_lags_several_sessions_behind_is_added_to(
    plain_work: Any, library: Path, empty_library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    shutil.copytree(empty_library, library)
    tree = tmp_path / "tree"
    _plant(tree, write_file, "a", "b")
    index([tree], library)
    old = {path: path.read_bytes() for path in (library / "vectors").iterdir()}
    for name in ("c", "d"):
        _plant(tree, write_file, name)
        index([tree], library)
    for path, content in old.items():
        path.write_bytes(content)
    notices: list[str] = []
    with Catalog(library) as catalog:
        with catalog.engine.connect() as connection:
            row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
        opened = open_index(catalog, row, notice=notices.append)
        assert (len(opened), opened.unsaved, notices) == (4, 2, [])
    _assert_index_is_true(library)


@pytest.mark.parametrize("where", [0, 9, 50, 400, -5], ids=["magic", "digest", "stamp", "vectors", "end"])
def test_a_flipped_bit_in_an_index_costs_a_rebuild(
    plain_work: Any, library: Path, empty_library: Path, tmp_path: Path, write_file: WriteFile, where: int
) -> None:
    shutil.copytree(empty_library, library)
    _plant(tmp_path / "tree", write_file, *map(str, range(20)))
    index([tmp_path / "tree"], library)
    (saved,) = (library / "vectors").iterdir()
    content = bytearray(saved.read_bytes())
    content[where] ^= 4
    saved.write_bytes(content)
    _assert_index_is_true(library)


def _write_with_a_log(library: Path, tree: Path) -> bytes:
    """Index, and give the log as a kill right before the end would leave it."""
    with closing(sqlite3.connect(library / "catalog.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM file").fetchone()  # while it reads, the log stays
        index([tree], library)
        return (library / "catalog.sqlite-wal").read_bytes()


def test_a_log_that_a_kill_left_is_taken_in(
    plain_work: Any, library: Path, empty_library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    shutil.copytree(empty_library, library)
    _plant(tmp_path / "tree", write_file, "a", "b")
    index([tmp_path / "tree"], library)
    before = (library / "catalog.sqlite").read_bytes()
    _plant(tmp_path / "tree", write_file, *map(str, range(50)))
    log = _write_with_a_log(library, tmp_path / "tree")
    (library / "catalog.sqlite").write_bytes(before)
    (library / "catalog.sqlite-wal").write_bytes(log)
    (library / "catalog.sqlite-shm").unlink(missing_ok=True)
    _assert_index_is_true(library)
    assert index([tmp_path / "tree"], library).unchanged == 52


def test_a_log_of_the_catalog_that_a_backup_replaced_is_told_of_and_nothing_is_lost(
    plain_work: Any, library: Path, empty_library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    shutil.copytree(empty_library, library)
    tree = tmp_path / "tree"
    _plant(tree, write_file, *map(str, range(50)))
    index([tree], library)
    backup = (library / "catalog.sqlite").read_bytes()
    _plant(tree, write_file, *map(str, range(100, 400)))
    index([tree], library)
    _plant(tree, write_file, *map(str, range(400, 800)))
    log = _write_with_a_log(library, tree)
    (library / "catalog.sqlite").write_bytes(backup)
    (library / "catalog.sqlite-wal").write_bytes(log)
    (library / "catalog.sqlite-shm").unlink(missing_ok=True)
    for _ in range(2):
        with pytest.raises(LibraryError, match=r"don't fit each other.*remove catalog.sqlite-wal"):
            Catalog(library)
    assert (library / "catalog.sqlite").read_bytes() == backup
    for name in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
        (library / name).unlink(missing_ok=True)
    _assert_index_is_true(library)
    report = index([tree], library)
    assert (report.unchanged, report.new) == (50, 700)
    _assert_index_is_true(library)


def test_a_log_is_checked_once(
    plain_work: Any,
    library: Path,
    empty_library: Path,
    tmp_path: Path,
    write_file: WriteFile,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(empty_library, library)
    _plant(tmp_path / "tree", write_file, "a", "b")
    checks: list[Path] = []
    real = log_check._is_whole
    monkeypatch.setattr(log_check, "_is_whole", lambda path: checks.append(path) or real(path))
    with closing(sqlite3.connect(library / "catalog.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM file").fetchone()
        index([tmp_path / "tree"], library)
        checks.clear()
        for _ in range(3):  # searches, while a page is open
            Catalog(library).close()
        with Catalog(library) as catalog, catalog.lock():
            _plant(tmp_path / "tree", write_file, "c")
            Catalog(library).close()  # a writer lives
    assert len(checks) == 1
