"""An approximate index of a catalog: trained, swapped in whole, followed, healed. Answers equal brute force's."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from retrieval.errors import LibraryBusyError
from retrieval.store import index_choice, index_updates
from retrieval.store.background_training import start_training
from retrieval.store.bitmaps import Bitmaps
from retrieval.store.catalog import SpaceRow
from retrieval.store.faiss_index import CatalogIndex, open_index
from retrieval.store.file_filter import Below, FileFilter, OfKind, file_filter
from retrieval.store.forget import count_deletion
from retrieval.store.index_file import open_index_file
from retrieval.store.index_updates import rebuild_index, train_index, update_index
from retrieval.store.ivf_index import IvfIndex
from retrieval.store.ivf_training import train_ivf
from retrieval.store.lookup import Lookup
from retrieval.store.schema import Embedding
from retrieval.store.selection import Selection
from retrieval.types import Float32Array, MediaKind

DIM = 8


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_choice, "EXACT_MOST", 100 * DIM)


@pytest.fixture
def space(library: Any) -> SpaceRow:
    space = library.space(dim=DIM)
    fill(library, space, 300)
    return space


def fill(library: Any, space: SpaceRow, count: int, seed: int = 0) -> None:
    """One video of many segments: a row of each table would take long."""
    asset = library.asset(f"/media/{seed}.mp4", kind="video")
    vectors = np.random.default_rng(seed).normal(size=(count, DIM))
    library.embed(asset, space, vectors, [(at, at + 1) for at in range(count)])


def queries() -> Float32Array:
    return np.random.default_rng(9).normal(size=(20, DIM)).astype(np.float32)


def path_of(library: Any, space: SpaceRow) -> Path:
    return Path(library.folder / "vectors" / f"starter-{space.id}.faiss")


def assert_true(index: CatalogIndex, library: Any, space: SpaceRow, allowed: Selection | None = None) -> None:
    """All that may be found is, in the true order, with the scores of the catalog's own vectors."""
    with library.catalog.engine.connect() as connection:
        rows = connection.execute(select(Embedding.vector_id, Embedding.vector).where(Embedding.space_id == space.id))
        truth = {row.vector_id: np.frombuffer(row.vector, "<f2").astype(np.float32) for row in rows}
    if allowed is not None:
        truth = {key: vector for key, vector in truth.items() if key in set(allowed.ids().tolist())}
    ids = np.array(sorted(truth))
    exact = queries() @ np.stack([truth[key] for key in ids.tolist()]).T
    scores, found = index.search(queries(), len(truth), allowed)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(ids, (len(found), 1)))
    np.testing.assert_allclose(scores, -np.sort(-exact, axis=1), atol=1e-4)


def test_an_index_that_outgrew_its_kind_is_trained_at_the_end_of_a_run(library: Any, space: SpaceRow) -> None:
    update_index(library.catalog, space, pytest.fail, queries=queries)
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert (index.stamp.trained, index.unsaved, index.outgrown) == (300, 0, False)
    assert_true(index, library, space)
    assert_true(index, library, space, Selection.of(np.arange(1, 300, 7)))


def test_additions_enter_the_lists_and_a_doubling_trains_anew(library: Any, space: SpaceRow) -> None:
    train_index(library.catalog, space)
    fill(library, space, 50, seed=1)
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert index.unsaved == 50
    assert_true(index, library, space)
    update_index(library.catalog, space, pytest.fail)
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert (index.stamp.trained, index.unsaved) == (300, 0)
    assert_true(index, library, space)
    fill(library, space, 300, seed=2)
    update_index(library.catalog, space, pytest.fail)
    assert open_index(library.catalog, space).stamp.trained == 650


def test_deletions_are_followed(library: Any, space: SpaceRow) -> None:
    train_index(library.catalog, space)
    index = open_index(library.catalog, space, notice=pytest.fail)
    library.execute("DELETE FROM embedding WHERE vector_id % 3 = 0")
    index.refresh()
    assert (len(index), index.stamp.trained) == (200, 300)
    assert_true(index, library, space)
    assert_true(open_index(library.catalog, space, notice=pytest.fail), library, space)


def test_deletions_from_many_rows_are_followed_by_the_catalog_s_count(
    library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.store.faiss_index.COUNTED_BELOW", 0)
    train_index(library.catalog, space)
    index = open_index(library.catalog, space, notice=pytest.fail)
    monkeypatch.setattr("retrieval.store.faiss_index.count_rows", lambda *_, **__: pytest.fail("rows were counted"))
    fill(library, space, 1, seed=3)
    index.refresh()
    assert len(index) == 301
    monkeypatch.undo()
    with library.catalog.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM embedding WHERE vector_id % 3 = 0")
        count_deletion(connection)
    index.refresh()
    assert len(index) == 201
    assert_true(index, library, space)


def test_a_damaged_file_is_healed_with_one_line(library: Any, space: SpaceRow) -> None:
    train_index(library.catalog, space)
    path = path_of(library, space)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    lines: list[str] = []
    assert_true(open_index(library.catalog, space, notice=lines.append), library, space)
    assert [line for line in lines if "rebuilt from the catalog, 300 vectors" in line] == lines
    assert len(lines) == 1
    with library.catalog.lock():
        assert_true(rebuild_index(library.catalog, space, pytest.fail), library, space)


def test_damaged_rows_are_left_out(library: Any, space: SpaceRow) -> None:
    library.execute("UPDATE embedding SET vector = x'00' WHERE vector_id = 7")
    train_index(library.catalog, space)
    index = open_index(library.catalog, space, notice=pytest.fail)
    assert (len(index), index.stamp.skipped) == (299, 1)


def test_a_searcher_takes_over_what_was_trained_beside_it(library: Any, space: SpaceRow) -> None:
    index = open_index(library.catalog, space)
    assert index.outgrown
    assert start_training(library.catalog, space, queries()).wait(60) == 0
    index.refresh()
    assert (index.stamp.trained, index.outgrown) == (300, False)
    assert_true(index, library, space)


def test_a_kill_in_the_middle_of_training_leaves_the_old_file(library: Any, space: SpaceRow) -> None:
    with library.catalog.lock():
        open_index(library.catalog, space).save()
    before = path_of(library, space).read_bytes()
    process = start_training(library.catalog, space, queries())
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    assert path_of(library, space).read_bytes() == before
    assert_true(open_index(library.catalog, space, notice=pytest.fail), library, space)


def test_what_is_forgotten_while_it_is_trained_is_not_written(
    library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_while_somebody_forgets(*arguments: Any) -> Any:
        trained = train_ivf(*arguments)
        library.execute("DELETE FROM embedding WHERE vector_id % 3 = 0")
        library.execute("UPDATE setting SET value = '77' WHERE key = 'deletions'")
        return trained

    monkeypatch.setattr(index_updates, "train_ivf", train_while_somebody_forgets)
    train_index(library.catalog, space)
    stamp, content = open_index_file(path_of(library, space))
    assert (stamp.count, stamp.deletions) == (200, 77)
    assert len(IvfIndex.read(content, stamp.probes)) == 200
    assert_true(open_index(library.catalog, space, notice=pytest.fail), library, space)


def test_training_is_not_lost_to_a_search_that_is_saving(library: Any, space: SpaceRow) -> None:
    saving = library.catalog.index_lock()
    saving.__enter__()
    timer = Timer(0.5, saving.__exit__, (None, None, None))
    timer.start()
    train_index(library.catalog, space)
    timer.join()
    assert open_index(library.catalog, space, notice=pytest.fail).stamp.trained == 300


def test_only_one_trains(library: Any, space: SpaceRow) -> None:
    with library.catalog.training_lock():
        with pytest.raises(LibraryBusyError, match="another vidi is writing"):
            train_index(library.catalog, space)
        update_index(library.catalog, space, lambda line: None)
    assert open_index(library.catalog, space, notice=pytest.fail).stamp.trained == 0


def test_bitmaps_are_kept_until_something_is_committed(
    library: Any, space: SpaceRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FileFilter] = []
    real = Lookup.vector_ids
    monkeypatch.setattr(Lookup, "vector_ids", lambda self, *args: asked.append(args[1]) or real(self, *args))
    bitmaps = Bitmaps(library.catalog, Lookup(library.catalog))
    wanted = file_filter(kind=MediaKind.VIDEO, under=b"/media")
    for _ in range(3):
        assert len(bitmaps.of(space, wanted)) == 300
    assert asked == [OfKind(MediaKind.VIDEO), Below(b"/media")]
    assert len(bitmaps.of(space, file_filter(under=b"/media"))) == 300
    assert len(asked) == 2
    fill(library, space, 5, seed=3)
    assert len(bitmaps.of(space, wanted)) == 305
    library.execute("UPDATE file SET present = 0 WHERE path = :path", path=b"/media/0.mp4")
    assert len(bitmaps.of(space, wanted)) == 5
    assert len(bitmaps.of(space, file_filter(kind=MediaKind.PICTURE))) == 0
