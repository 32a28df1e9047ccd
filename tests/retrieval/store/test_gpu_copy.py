"""The exact index with a GPU beside it, which is played by a stand-in that rounds as one does."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
import pytest

from retrieval.store import gpu_copy
from retrieval.store.flat_index import FlatIndex
from retrieval.store.selection import Selection

DIM, COUNT = 16, 500


class StandIn:
    """Compares in float16, and gives what it finds in any order."""

    broken = False

    def __init__(self, codes: Any) -> None:
        self.rows = codes.reconstruct_n(0, codes.ntotal)
        self.asked: list[int] = []

    def search(self, queries: Any, k: int) -> Any:
        if self.broken:
            raise RuntimeError("out of memory")
        self.asked.append(k)
        scores = (queries.astype(np.float16) @ self.rows.astype(np.float16).T).astype(np.float32)
        places = np.argsort(-scores, axis=1)[:, :k][:, ::-1]
        return np.take_along_axis(scores, places, axis=1), places


class Resources:
    def setTempMemory(self, size: int) -> None:  # noqa: N802 FAISS's own name
        assert size > 0


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """A machine with a GPU; every copy that was made on it."""
    copies: list[StandIn] = []

    def copy(resources: Any, device: int, codes: Any) -> StandIn:
        copies.append(StandIn(codes))
        return copies[-1]

    monkeypatch.setattr(gpu_copy, "WORTH_COPYING", COUNT * DIM)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", Resources, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", copy, raising=False)
    return copies


def vectors(count: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float16).astype(np.float32)


@pytest.fixture
def index() -> FlatIndex:
    index = FlatIndex(DIM)
    index.add(np.arange(COUNT) * 3 + 7, vectors(COUNT))
    return index


QUERIES = np.random.default_rng(1).normal(size=(5, DIM)).astype(np.float32)


def test_it_finds_what_the_cpu_finds_with_the_same_scores(index: FlatIndex, made: list[StandIn]) -> None:
    scores, ids = index.search(QUERIES, 20)
    assert not made  # who asks once must not wait for the copying
    for _ in range(2):
        by_gpu_scores, by_gpu_ids = index.search(QUERIES, 20)
        np.testing.assert_array_equal(by_gpu_ids, ids)
        np.testing.assert_allclose(by_gpu_scores, scores, rtol=1e-6)
    (copy,) = made
    assert len(copy.asked) == 2
    assert copy.asked[0] > 20  # since it rounds


def test_a_filter_is_for_the_cpu(index: FlatIndex, made: list[StandIn]) -> None:
    index.search(QUERIES, 1)
    index.search(QUERIES, 1)
    allowed = np.array([7, 13, 70])
    assert set(index.search(QUERIES, 3, Selection.of(allowed))[1].ravel().tolist()) == set(allowed.tolist())
    assert len(made[0].asked) == 1


def test_what_changes_is_copied_again_once_it_rests(index: FlatIndex, made: list[StandIn]) -> None:
    for _ in range(3):
        index.search(QUERIES, 1)
    new = 10 * QUERIES[:1].astype(np.float16).astype(np.float32)
    index.add(np.array([9]), new)
    assert [index.search(QUERIES[:1], 1)[1].item() for _ in range(3)] == [9, 9, 9]
    index.keep(Selection.of(np.arange(COUNT) * 3 + 7))
    for _ in range(3):
        assert index.search(QUERIES[:1], 1)[1].item() != 9
    assert [len(copy.rows) for copy in made] == [COUNT, COUNT + 1, COUNT]


def test_one_that_fails_is_left_alone(index: FlatIndex, made: list[StandIn], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = index.search(QUERIES, 4)[1]
    monkeypatch.setattr(StandIn, "broken", True)
    for _ in range(3):
        np.testing.assert_array_equal(index.search(QUERIES, 4)[1], expected)
    monkeypatch.setattr(StandIn, "broken", False)
    index.search(QUERIES, 4)
    assert [copy.asked for copy in made] == [[]]


@pytest.mark.parametrize("place", [-1, COUNT])
def test_one_that_finds_what_there_is_not_is_left_alone(
    index: FlatIndex, made: list[StandIn], monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    expected = index.search(QUERIES, 4)[1]
    nowhere = np.full((len(QUERIES), 36), place)
    monkeypatch.setattr(StandIn, "search", lambda self, queries, k: (nowhere.astype(np.float32), nowhere))
    for _ in range(3):
        np.testing.assert_array_equal(index.search(QUERIES, 4)[1], expected)
    assert len(made) == 1


def test_one_without_room_is_left_alone(index: FlatIndex, made: list[StandIn], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", refuse, raising=False)
    expected = index.search(QUERIES, 4)[1]
    for _ in range(3):
        np.testing.assert_array_equal(index.search(QUERIES, 4)[1], expected)


def test_more_than_it_can_find_and_small_libraries_are_for_the_cpu(
    index: FlatIndex, made: list[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_copy, "GPU_FOUND_MOST", 50)
    for _ in range(3):
        assert len(set(index.search(QUERIES, 40)[1][0].tolist())) == 40
    assert [copy.asked for copy in made] == [[]]
    small = FlatIndex(DIM)
    small.add(np.arange(COUNT - 1), vectors(COUNT - 1))
    for _ in range(3):
        small.search(QUERIES, 4)
    assert len(made) == 1
