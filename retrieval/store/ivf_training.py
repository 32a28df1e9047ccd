"""Trains the approximate index from vectors that pass by once, and measures how many lists it has to look into."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.store.ivf_index import FOUND_LEAST, IvfIndex, Probes
from retrieval.store.selection import Selection
from retrieval.store.vectors import NO_VECTOR, Int64Array, best_first
from retrieval.types import Float32Array

__all__ = ["POINTS_PER_LIST", "RECALL_AT_LEAST", "lists_for", "train_ivf"]

RECALL_AT_LEAST = 0.99
"""Of the ten best, on average over the queries of tuning; the figure that is promised is 0.98."""
POINTS_PER_LIST = 50
_ITERATIONS = 10
_BEST = 10
_CENTRES_PER_ROOT = 2.0
_SHARES = (1.0, 0.5, 0.2)
"""Filters that are tuned for. One that allows less than the last is answered from all lists."""


def lists_for(count: int) -> int:
    """How many lists ``count`` vectors are shared out among: a small multiple of the square root, as is usual."""
    return max(1, int(_CENTRES_PER_ROOT * count**0.5))


def train_ivf(
    sample: Float32Array,
    count: int,
    rows: Iterable[tuple[Int64Array, Float32Array]],
    queries: tuple[Float32Array, ...],
    threads: int | None = None,
) -> tuple[IvfIndex, Probes]:
    """An index of all ``rows`` (ids ``[n]``, vectors ``[n, dim]``), some ``count`` of them, and its measured probes.

    ``sample`` ``[m, dim]`` trains the lists. ``queries``, groups of ``[n, dim]``, are what it is tuned by: in each
    group ``RECALL_AT_LEAST`` of the truly best are found, whether a filter allows all or only a part, even if the
    part leaves out whole regions. ``threads`` limits the cores that are used, for a training beside other work.
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or before)  # of this thread of Python's alone
    try:
        index = _trained(faiss, sample, count)
        filters = [_Filter.of(share, index.nlist, sum(map(len, queries))) for share in _SHARES]
        asked = np.vstack(queries)
        for ids, vectors in rows:
            _, lists = index.quantizer.search(vectors, 1)
            index.add_core(len(ids), faiss.swig_ptr(vectors), faiss.swig_ptr(ids), faiss.swig_ptr(lists))
            scores = asked @ vectors.T  # [queries, n]
            for each in filters:
                each.take(scores, ids, lists[:, 0])
        probes = [(each.share, _probes_for(index, queries, each)) for each in filters]
    finally:
        faiss.omp_set_num_threads(before)
    return IvfIndex(index, probes), probes


def _trained(faiss: Any, sample: Float32Array, count: int) -> Any:
    dim = sample.shape[1]
    lists = min(lists_for(count), max(1, len(sample) // POINTS_PER_LIST))
    quantizer = faiss.IndexFlatIP(dim)
    codes = faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexIVFScalarQuantizer(quantizer, dim, lists, codes, faiss.METRIC_INNER_PRODUCT, True)
    quantizer.this.disown()
    index.own_fields = True
    index.cp.niter = _ITERATIONS
    index.train(sample)
    return index


@dataclass(slots=True)
class _Filter:
    """A filter to tune for, and the best of what it allows so far: ``scores`` and ``ids`` ``[queries, 10]``."""

    share: float
    lists: NDArray[np.bool_]
    scores: Float32Array
    ids: Int64Array
    allowed: list[Int64Array] = field(default_factory=list)

    @classmethod
    def of(cls, share: float, lists: int, queries: int) -> _Filter:
        """Allows whole lists, as a folder of one journey does: that is harder than vectors from everywhere."""
        chosen = np.zeros(lists, bool)
        chosen[np.random.default_rng(0).permutation(lists)[: max(1, round(share * lists))]] = True
        empty = np.full((queries, _BEST), -np.inf, np.float32), np.full((queries, _BEST), NO_VECTOR, np.int64)
        return cls(share, chosen, *empty)

    def take(self, scores: Float32Array, ids: Int64Array, lists: Int64Array) -> None:
        """Look at ``scores`` ``[queries, n]`` of ``ids`` ``[n]`` that went into ``lists`` ``[n]``."""
        meant = np.flatnonzero(self.lists[lists])
        self.allowed.append(ids[meant])
        here = scores[:, meant]
        if len(meant) > _BEST:
            best = np.argpartition(here, -_BEST, axis=1)[:, -_BEST:]
            here, meant = np.take_along_axis(here, best, axis=1), meant[best]
        found = np.broadcast_to(ids[meant], here.shape)
        joined = best_first(np.hstack([self.scores, here]), np.hstack([self.ids, found]))
        self.scores, self.ids = joined[0][:, :_BEST], joined[1][:, :_BEST]


def _probes_for(index: Any, queries: tuple[Float32Array, ...], wanted: _Filter) -> int:
    """The fewest lists, in steps of a third, with which every group of queries finds enough."""
    trial = IvfIndex(index, [])
    allowed = None if wanted.share == 1.0 else Selection.of(np.concatenate(wanted.allowed))
    truths = np.split(wanted.ids, np.cumsum([len(group) for group in queries])[:-1])
    probes = 1
    while probes < trial.lists:
        found = [trial.search_lists(group, FOUND_LEAST, probes, allowed)[1] for group in queries]
        if all(_recall(*pair) >= RECALL_AT_LEAST for pair in zip(found, truths, strict=True)):
            break
        probes += max(1, probes // 3)
    return min(probes, trial.lists)


def _recall(found: Int64Array, truth: Int64Array) -> float:
    """The share of ``truth`` ``[n, 10]`` that is among ``found`` ``[n, k]``."""
    there = (truth[:, :, None] == found[:, None, :]).any(axis=2)
    return float(there[truth != NO_VECTOR].mean()) if (truth != NO_VECTOR).any() else 1.0


def half_the_cores() -> int:
    """For a training beside searches."""
    return max(1, (os.cpu_count() or 2) // 2)
