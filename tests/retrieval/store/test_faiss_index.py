"""The index file is derived: whatever befalls it, answers equal brute force over the catalog."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from retrieval.errors import LibraryError
from retrieval.store import embedding_rows, faiss_index, index_updates
from retrieval.store.catalog import SpaceRow
from retrieval.store.faiss_index import CatalogIndex, open_index
from retrieval.store.index_updates import rebuild_index, update_index
from retrieval.store.schema import Embedding

DIM = 6


@pytest.fixture
def space(library: Any) -> SpaceRow:
    return library.space(dim=DIM)


def fill(library: Any, space: SpaceRow, count: int, seed: int = 0) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, DIM))
    for number, vector in enumerate(vectors):
        library.embed(library.asset(f"/media/{seed}-{number}.jpg"), space, [vector])


def assert_true_to_catalog(index: CatalogIndex, library: Any, space: SpaceRow) -> None:
    """Every vector once, each with its own score, as float32 over the catalog's float16 says."""
    with library.catalog.engine.connect() as connection:
        rows = connection.execute(select(Embedding.vector_id, Embedding.vector).where(Embedding.space_id == space.id))
        truth = {row.vector_id: np.frombuffer(row.vector, "<f2").astype(np.float32) for row in rows}
    query = np.random.default_rng(99).normal(size=(1, DIM)).astype(np.float32)
    scores, ids = index.search(query, max(1, len(truth)))
    assert len(index) == len(truth)
    assert sorted(ids[0][ids[0] >= 0].tolist()) == sorted(truth)
    for score, vector_id in zip(scores[0], ids[0], strict=True):
        if vector_id >= 0:
            assert score == pytest.approx(float(truth[vector_id] @ query[0]), abs=1e-4)


def saved(library: Any, space: SpaceRow) -> Path:
    index = open_index(library.catalog, space)
    with library.catalog.lock():
        index.save()
    return library.folder / "vectors" / f"{space.name}-{space.id}.faiss"


def test_an_empty_library_gives_an_empty_index_without_a_word(library: Any, space: SpaceRow) -> None:
    lines: list[str] = []
    index = open_index(library.catalog, space, notice=lines.append)
    assert len(index) == 0
    assert not lines


def test_a_missing_file_is_built_from_the_catalog(library: Any, space: SpaceRow) -> None:
    fill(library, space, 7)
    lines: list[str] = []
    assert_true_to_catalog(open_index(library.catalog, space, notice=lines.append), library, space)
    assert lines == ["the vector index of starter is rebuilt from the catalog, 7 vectors: missing"]


def test_a_saved_file_is_used_as_it_is(library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(library, space, 5)
    saved(library, space)
    lines: list[str] = []
    monkeypatch.setattr(CatalogIndex, "_start_over", _once(CatalogIndex._start_over))
    index = open_index(library.catalog, space, notice=lines.append)
    assert index.unsaved == 0
    assert not lines
    assert_true_to_catalog(index, library, space)


def _once(method: Callable[..., None]) -> Callable[..., None]:
    calls: list[int] = []

    def limited(self: CatalogIndex, connection: object) -> None:
        calls.append(1)
        assert len(calls) == 1, "the saved index was thrown away"
        method(self, connection)

    return limited


def test_what_the_file_lacks_is_added(library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_rows, "_ROWS_PER_CHUNK", 3)
    fill(library, space, 4)
    saved(library, space)
    fill(library, space, 8, seed=1)
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert index.unsaved == 8
    assert_true_to_catalog(index, library, space)


def _cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _cut_to_nothing(path: Path) -> None:
    os.truncate(path, 0)


def _cut_in_the_stamp(path: Path) -> None:
    os.truncate(path, 60)


def _flip_a_byte_of_the_vectors(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def _flip_a_byte_of_the_stamp(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[60] ^= 1
    path.write_bytes(content)


def _write_text(path: Path) -> None:
    path.write_text("hello" * 100)


def _turn_into_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        _cut_short,
        _cut_to_nothing,
        _cut_in_the_stamp,
        _flip_a_byte_of_the_vectors,
        _flip_a_byte_of_the_stamp,
        _write_text,
        _turn_into_folder,
    ],
    ids=lambda damage: damage.__name__.strip("_"),
)
def test_a_damaged_file_is_rebuilt_with_one_line(library: Any, space: SpaceRow, damage: Callable[[Path], None]) -> None:
    fill(library, space, 5)
    damage(saved(library, space))
    lines: list[str] = []
    index = open_index(library.catalog, space, notice=lines.append)
    assert len(lines) == 1
    assert "rebuilt from the catalog" in lines[0]
    assert_true_to_catalog(index, library, space)


def test_a_cut_at_any_place_is_noticed(library: Any, space: SpaceRow) -> None:
    fill(library, space, 3)
    path = saved(library, space)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        lines: list[str] = []
        assert_true_to_catalog(open_index(library.catalog, space, notice=lines.append), library, space)
        assert len(lines) == 1


@pytest.mark.parametrize("counted", ["1", "0"], ids=["counted", "not-counted"])
def test_deletions_are_followed_without_building_anew(
    library: Any, space: SpaceRow, counted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, space, 5)
    saved(library, space)
    library.execute("DELETE FROM embedding WHERE vector_id IN (2, 5)")
    library.execute("UPDATE setting SET value = :counted WHERE key = 'deletions'", counted=counted)
    monkeypatch.setattr(CatalogIndex, "_start_over", _once(CatalogIndex._start_over))
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert index.unsaved == 2
    assert_true_to_catalog(index, library, space)


def test_what_was_deleted_leaves_the_file(library: Any, space: SpaceRow) -> None:
    fill(library, space, 5)
    size = saved(library, space).stat().st_size
    library.execute("DELETE FROM embedding WHERE vector_id = 2")
    with library.catalog.lock():
        update_index(library.catalog, space, pytest.fail)
    path = library.folder / "vectors" / f"starter-{space.id}.faiss"
    assert path.stat().st_size <= size - 2 * DIM
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert index.unsaved == 0
    assert_true_to_catalog(index, library, space)


def test_a_catalog_put_back_holds_less_than_the_file(library: Any, space: SpaceRow) -> None:
    fill(library, space, 8)
    saved(library, space)
    library.execute("DELETE FROM embedding WHERE vector_id > 5")
    assert_true_to_catalog(open_index(library.catalog, space, notice=pytest.fail), library, space)


def test_a_file_written_by_another_process_is_taken_over(library: Any, space: SpaceRow) -> None:
    fill(library, space, 5)
    index = open_index(library.catalog, space)
    assert index.unsaved == 5
    saved(library, space)
    index.refresh()
    assert index.unsaved == 0
    assert_true_to_catalog(index, library, space)


def test_the_file_of_another_library_is_not_used(
    library: Any, space: SpaceRow, make_library: Callable[..., Any]
) -> None:
    other = make_library("other")
    other.execute("UPDATE setting SET value = 'another' WHERE key = 'catalog_id'")
    fill(other, other.space(dim=DIM), 5, seed=7)
    fill(library, space, 5)
    path = saved(library, space)
    path.write_bytes(saved(other, space).read_bytes())
    lines: list[str] = []
    assert_true_to_catalog(open_index(library.catalog, space, notice=lines.append), library, space)
    assert "another library" in lines[0]


def test_spaces_never_mix(library: Any, space: SpaceRow) -> None:
    other = library.space(version="2", dim=DIM)
    fill(library, space, 4)
    library.embed(library.asset("/media/other.jpg"), other, np.ones((1, DIM)))
    assert_true_to_catalog(open_index(library.catalog, space), library, space)
    assert_true_to_catalog(open_index(library.catalog, other), library, other)


def test_a_long_lived_index_follows_additions_and_deletions(library: Any, space: SpaceRow) -> None:
    index = open_index(library.catalog, space)
    fill(library, space, 3)
    index.refresh()
    assert_true_to_catalog(index, library, space)
    fill(library, space, 3, seed=1)
    library.execute("DELETE FROM embedding WHERE vector_id = 2")
    library.execute("UPDATE setting SET value = '1' WHERE key = 'deletions'")
    index.refresh()
    assert_true_to_catalog(index, library, space)


def test_damaged_rows_are_left_out_once_and_told(library: Any, space: SpaceRow) -> None:
    fill(library, space, 6)
    nan = np.full(DIM, np.nan, "<f2").tobytes()
    library.execute("UPDATE embedding SET vector = :vector WHERE vector_id = 2", vector=nan)
    library.execute("UPDATE embedding SET vector = :vector WHERE vector_id = 4", vector=b"short")
    lines: list[str] = []
    index = open_index(library.catalog, space, notice=lines.append)
    assert len(index) == 4
    assert "2 vectors of starter in the catalog are damaged" in lines[-1]
    with library.catalog.lock():
        index.save()
    assert len(open_index(library.catalog, space, notice=pytest.fail)) == 4


def test_a_searcher_saves_what_took_long(library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "SAVED_PAST", 3)
    fill(library, space, 3)
    open_index(library.catalog, space, save=True)
    assert not (library.folder / "vectors").exists()
    fill(library, space, 1, seed=1)
    open_index(library.catalog, space, save=True)
    assert open_index(library.catalog, space, notice=pytest.fail).unsaved == 0


def test_a_searcher_saves_while_another_indexes_but_not_while_another_saves(
    library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "SAVED_PAST", 0)
    fill(library, space, 2)
    with library.catalog.index_lock():
        assert_true_to_catalog(open_index(library.catalog, space, save=True), library, space)
    assert not (library.folder / "vectors").exists()
    with library.catalog.lock():
        open_index(library.catalog, space, save=True)
    assert open_index(library.catalog, space, notice=pytest.fail).unsaved == 0


def test_a_full_disk_leaves_the_old_file_and_says_so(
    library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(library, space, 2)
    path = saved(library, space)
    before = path.read_bytes()
    fill(library, space, 1, seed=1)
    index = open_index(library.catalog, space)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryError, match=r"can't be written \(No space left on device\); make room"):
        index.save()
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_what_a_killed_writer_left_is_swept(library: Any, space: SpaceRow) -> None:
    fill(library, space, 1)
    path = saved(library, space)
    orphan = path.with_name(f".{path.name}.12345.part")
    orphan.write_bytes(b"half")
    saved(library, space)
    assert not orphan.exists()


def test_names_of_spaces_are_safe_as_file_names(library: Any) -> None:
    space = library.space(name="open_clip/ViT-B-32/../laion", dim=DIM)
    index = open_index(library.catalog, space)
    with library.catalog.lock():
        index.save()
    assert [entry.name for entry in (library.folder / "vectors").iterdir()] == [
        f"open_clip_ViT_B_32____laion-{space.id}.faiss"
    ]


def test_rebuilding_asks_the_catalog_and_saves(library: Any, space: SpaceRow) -> None:
    fill(library, space, 4)
    path = saved(library, space)
    path.write_bytes(b"damaged")
    with library.catalog.lock():
        assert_true_to_catalog(rebuild_index(library.catalog, space, pytest.fail), library, space)
    assert open_index(library.catalog, space, notice=pytest.fail).unsaved == 0


def test_threads_may_search_while_it_is_refreshed(library: Any, space: SpaceRow) -> None:
    fill(library, space, 20)
    index = open_index(library.catalog, space)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            for _ in range(30):
                scores, _ids = index.search(np.ones((1, DIM), np.float32), 5)
                assert np.isfinite(scores).all()
        except Exception as error:  # noqa: BLE001 - carried to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(5):
        fill(library, space, 2, seed=number + 1)
        index.refresh()
    for thread in threads:
        thread.join()
    assert not errors
    assert_true_to_catalog(index, library, space)


def test_updating_saves_what_is_new_and_only_that(library: Any, space: SpaceRow) -> None:
    fill(library, space, 3)
    with library.catalog.lock():
        update_index(library.catalog, space)
    path = library.folder / "vectors" / f"starter-{space.id}.faiss"
    before = path.stat().st_ino
    with library.catalog.lock():
        update_index(library.catalog, space, pytest.fail)
    assert path.stat().st_ino == before
    fill(library, space, 2, seed=1)
    with library.catalog.lock():
        update_index(library.catalog, space, pytest.fail)
    assert open_index(library.catalog, space, notice=pytest.fail).unsaved == 0


def test_updating_on_a_full_disk_is_a_notice(library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(library, space, 1)
    lines: list[str] = []

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with library.catalog.lock():
        update_index(library.catalog, space, lines.append)
    assert "can't be written (No space left on device)" in lines[-1]


def test_in_the_middle_of_a_run_only_what_is_worthwhile_is_saved(
    library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def update() -> int:
        update_index(library.catalog, space, pytest.fail, if_worthwhile=True)
        return open_index(library.catalog, space).unsaved

    monkeypatch.setattr(index_updates, "SAVED_PAST", 3)
    fill(library, space, 3)
    assert update() == 3
    fill(library, space, 1, seed=1)
    assert update() == 0
    monkeypatch.setattr(index_updates, "_NEW_SHARE", 2)
    fill(library, space, 7, seed=2)
    with monkeypatch.context() as reading:
        reading.setattr(faiss_index, "open_index_file", pytest.fail)  # the whole file isn't even read
        update_index(library.catalog, space, pytest.fail, if_worthwhile=True)
    assert update() == 7
    fill(library, space, 2, seed=3)
    assert update() == 0
