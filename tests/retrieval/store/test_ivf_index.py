"""The approximate index against brute force: its recall as tuned, and exactness where little is allowed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.errors import IndexFileError
from retrieval.store.flat_index import FlatIndex
from retrieval.store.index_choice import EXACT_MOST, is_small, wants_training
from retrieval.store.ivf_index import IvfIndex
from retrieval.store.ivf_training import train_ivf
from retrieval.store.selection import Selection
from retrieval.store.vectors import NO_VECTOR
from retrieval.types import Float32Array

DIM, COUNT = 32, 6000
IDS = np.arange(COUNT) * 2 + 5


def clustered(count: int, seed: int) -> Float32Array:
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(80, DIM))
    vectors = centres[random.integers(0, 80, count)] + 0.6 * random.normal(size=(count, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)


VECTORS = clustered(COUNT, 1)


@pytest.fixture(scope="module")
def trained() -> tuple[NDArray[np.uint8], tuple[tuple[float, int], ...]]:
    rows = ((IDS[at : at + 700].copy(), VECTORS[at : at + 700].copy()) for at in range(0, COUNT, 700))
    index, probes = train_ivf(VECTORS[::2].copy(), COUNT, rows, (clustered(60, 2), VECTORS[:60].copy()))
    assert len(index) == COUNT
    assert index.lists > 30
    file = io.BytesIO()
    index.write(file.write)
    return np.frombuffer(file.getvalue(), np.uint8), tuple(probes)


@pytest.fixture
def index(trained: tuple[NDArray[np.uint8], tuple[tuple[float, int], ...]]) -> IvfIndex:
    return IvfIndex.read(*trained)


def best(queries: Float32Array, allowed: NDArray[np.bool_], k: int = 10) -> NDArray[np.int64]:
    scores = np.where(allowed, queries @ VECTORS.T, -np.inf)
    return IDS[np.argsort(-scores, axis=1)[:, :k]]


def recall(index: IvfIndex, queries: Float32Array, allowed: NDArray[np.bool_] | None) -> float:
    mask = np.ones(COUNT, bool) if allowed is None else allowed
    found = index.search(queries, 64, None if allowed is None else Selection.of(IDS[mask]))[1]
    return float((best(queries, mask)[:, :, None] == found[:, None, :]).any(axis=2).mean())


@pytest.mark.parametrize("share", [None, 0.005, 0.01, 0.1, 0.5, 0.9])
def test_recall_is_what_it_was_tuned_for_at_every_selectivity(index: IvfIndex, share: float | None) -> None:
    allowed = None if share is None else np.random.default_rng(3).random(COUNT) < share
    assert recall(index, clustered(100, 4), allowed) >= 0.98


def test_a_filter_of_whole_regions_loses_nothing(index: IvfIndex) -> None:
    queries = clustered(30, 5)
    away = VECTORS @ queries.mean(axis=0) < np.quantile(VECTORS @ queries.mean(axis=0), 0.1)
    assert recall(index, queries, away) == 1.0


@pytest.mark.parametrize("few", [1, 3, 10, 40])
def test_a_tiny_filter_finds_all_that_it_allows(index: IvfIndex, few: int) -> None:
    chosen = np.random.default_rng(few).choice(COUNT, few, replace=False)
    found = index.search(clustered(20, 6), 64, Selection.of(IDS[chosen]))[1]
    for row in found:
        assert set(row[row != NO_VECTOR].tolist()) == set(IDS[chosen].tolist())


def test_all_are_found_when_more_are_asked_for_than_the_likeliest_lists_hold(index: IvfIndex) -> None:
    found = index.search(clustered(1, 7), COUNT)[1]
    assert sorted(found[0].tolist()) == IDS.tolist()


@given(new=st.integers(0, 40), kept=st.floats(0, 1), seed=st.integers(0, 1000), written=st.booleans())
@settings(max_examples=15, deadline=None)
def test_additions_and_removals_are_followed(
    trained: tuple[NDArray[np.uint8], tuple[tuple[float, int], ...]], new: int, kept: float, seed: int, written: bool
) -> None:
    index = IvfIndex.read(*trained)
    random = np.random.default_rng(seed)
    more = np.arange(COUNT * 2 + 100, COUNT * 2 + 100 + new)
    index.add(more, clustered(new, seed))
    every = np.concatenate([IDS, more])
    live = every[random.random(len(every)) < kept]
    index.keep(Selection.of(live))
    if written:
        file = io.BytesIO()
        index.write(file.write)
        index = IvfIndex.read(np.frombuffer(file.getvalue(), np.uint8), trained[1])
    found = index.search(clustered(1, seed), len(every))[1][0]
    assert len(index) == len(live)
    assert sorted(found[found != NO_VECTOR].tolist()) == live.tolist()


def test_the_codes_take_a_quarter_of_the_raw_bytes(trained: tuple[NDArray[np.uint8], object]) -> None:
    assert len(trained[0]) < 0.5 * 4 * DIM * COUNT


def test_another_kind_of_index_is_refused() -> None:
    file = io.BytesIO()
    FlatIndex(4).write(file.write)
    with pytest.raises(IndexFileError, match="expected inverted lists by inner product, got IndexIDMap"):
        IvfIndex.read(np.frombuffer(file.getvalue(), np.uint8), [])


def test_which_index_when() -> None:
    most = EXACT_MOST // 512
    assert is_small(most, 512)
    assert not is_small(most + 1, 512)
    assert not wants_training(most, 512, 0)
    assert wants_training(most + 1, 512, 0)
    assert not wants_training(2 * most, 512, most)
    assert wants_training(2 * most + 1, 512, most)
