"""FAISS against exact brute force, never against itself."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.errors import IndexFileError
from retrieval.store.flat_index import FlatIndex
from retrieval.store.selection import Int64Array, Selection
from retrieval.store.vectors import NO_VECTOR
from retrieval.types import Float32Array


def random_vectors(count: int, dim: int, seed: int, *, distinct: int | None = None) -> Float32Array:
    """Float16 values as float32, as the catalog gives them; ``distinct`` makes ties."""
    chosen = np.random.default_rng(seed).normal(size=(distinct or count, dim)).astype(np.float16).astype(np.float32)
    return chosen[np.arange(count) % len(chosen)]


def brute_force(queries: Float32Array, ids: Int64Array, vectors: Float32Array, allowed: Int64Array | None) -> list:
    """For each query all (score, id), best first."""
    keep = np.isin(ids, allowed) if allowed is not None else np.ones(len(ids), bool)
    scores = queries.astype(np.float64) @ vectors[keep].astype(np.float64).T
    return [sorted(zip(row, ids[keep], strict=True), key=lambda pair: (-pair[0], pair[1])) for row in scores]


def assert_exact(
    index: FlatIndex,
    queries: Float32Array,
    vectors: Float32Array,
    ids: Int64Array,
    k: int,
    allowed: Int64Array | None = None,
) -> None:
    """The scores are the best ones, and each id really has its score: so ties may fall either way at the end."""
    scores, found = index.search(queries, k, None if allowed is None else Selection.of(allowed))
    assert scores.shape == found.shape == (len(queries), k)
    by_id = dict(zip(ids.tolist(), vectors, strict=True))
    for query, row, row_ids, truth in zip(
        queries, scores, found, brute_force(queries, ids, vectors, allowed), strict=True
    ):
        real = row_ids[row_ids != NO_VECTOR]
        assert len(real) == len(set(real.tolist())) == min(k, len(truth))
        np.testing.assert_allclose(row[: len(real)], [score for score, _ in truth[:k]], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(row[: len(real)], [by_id[i] @ query for i in real.tolist()], rtol=1e-4, atol=1e-4)
        assert np.isneginf(row[len(real) :]).all()
        if allowed is not None:
            assert set(real.tolist()) <= set(allowed.tolist())


@given(
    count=st.integers(0, 60),
    dim=st.integers(1, 9),
    k=st.integers(1, 70),
    distinct=st.integers(1, 60),
    queries=st.integers(1, 25),
    share=st.one_of(st.none(), st.floats(0, 1)),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=150, deadline=None)
def test_answers_equal_brute_force(
    count: int, dim: int, k: int, distinct: int, queries: int, share: float | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    vectors = random_vectors(count, dim, seed, distinct=distinct)
    ids = np.sort(random.choice(1000, count, replace=False)) + 1
    index = FlatIndex(dim)
    for part in np.array_split(np.arange(count), 3):
        index.add(ids[part], vectors[part])
    allowed = None if share is None else np.append(ids[random.random(count) < share], 5000)
    assert_exact(index, random_vectors(queries, dim, seed + 1), vectors, ids, k, allowed)


@pytest.mark.parametrize("percent", [0.1, 1, 4, 6, 25, 99, 100])
def test_filters_of_every_selectivity_are_exact(percent: float) -> None:
    vectors, ids = random_vectors(4000, 16, 0), np.arange(1, 4001) * 3
    index = FlatIndex(16)
    index.add(ids, vectors)
    allowed = np.random.default_rng(1).choice(ids, max(1, int(len(ids) * percent / 100)), replace=False)
    for k in (1, 20, 300):
        assert_exact(index, random_vectors(3, 16, 2), vectors, ids, k, allowed)


def test_equal_vectors_come_in_the_order_of_their_ids() -> None:
    index = FlatIndex(2)
    index.add(np.array([9, 4, 7, 5]), np.array([[1, 0], [1, 0], [0, 1], [1, 0]], np.float32))
    _, found = index.search(np.array([[1, 0]], np.float32), 4)
    assert found.tolist() == [[4, 5, 9, 7]]


def test_nothing_allowed_finds_nothing() -> None:
    index = FlatIndex(2)
    index.add(np.array([1]), np.ones((1, 2), np.float32))
    scores, found = index.search(np.ones((1, 2), np.float32), 3, Selection.of(np.array([], np.int64)))
    assert found.tolist() == [[NO_VECTOR] * 3]
    assert np.isneginf(scores).all()


def content_of(index: Any) -> NDArray[np.uint8]:
    file = io.BytesIO()
    index.write(file.write)
    return np.frombuffer(file.getvalue(), np.uint8)


def test_bytes_come_back_as_the_same_index_and_take_more() -> None:
    vectors, ids = random_vectors(50, 8, 3), np.arange(100, 150)
    index = FlatIndex(8)
    index.add(ids[:40], vectors[:40])
    again = FlatIndex.read(content_of(index))
    assert_exact(again, vectors[:4], vectors[:40], ids[:40], 10)
    again.add(ids[40:], vectors[40:])
    assert (len(again), again.dim) == (50, 8)
    np.testing.assert_array_equal(again.rows()[0], ids)
    np.testing.assert_array_equal(again.rows()[1], vectors)
    assert_exact(again, vectors[:4], vectors, ids, 10)


def test_only_what_is_kept_is_found() -> None:
    vectors, ids = random_vectors(50, 8, 3), np.arange(100, 150)
    index = FlatIndex(8)
    index.add(ids, vectors)
    again = FlatIndex.read(content_of(index))
    again.keep(Selection.of(ids[::3]))
    assert_exact(again, vectors[:4], vectors[::3], ids[::3], 20)


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(IndexFileError, match="FAISS can't read"):
        FlatIndex.read(np.frombuffer(b"not an index" * 100, np.uint8))


def test_another_kind_of_index_is_refused() -> None:
    import faiss

    file = io.BytesIO()
    faiss.write_index(faiss.IndexFlatL2(4), faiss.PyCallbackIOWriter(file.write))
    with pytest.raises(IndexFileError, match="expected an exact index by inner product"):
        FlatIndex.read(np.frombuffer(file.getvalue(), np.uint8))


def test_a_failing_disk_is_told_as_such() -> None:
    index = FlatIndex(4)
    index.add(np.array([1]), np.ones((1, 4), np.float32))

    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        index.write(full)


def test_queries_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"vectors \[n, 4\]"):
        FlatIndex(4).search(np.ones((1, 5), np.float32), 1)
