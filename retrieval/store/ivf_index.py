"""The approximate vector index of one machine: FAISS's inverted lists of 8-bit codes, which finds what is then ranked
exactly by the catalog's own vectors; and beside it, exactly, what came after it was written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from retrieval.errors import IndexFileError
from retrieval.store.faiss_bytes import Bytes, owned_index, viewed_index, write_faiss
from retrieval.store.flat_index import FlatIndex
from retrieval.store.selection import Selection
from retrieval.store.vectors import NO_VECTOR, Int64Array, best_first, checked_vectors
from retrieval.types import Float32Array

__all__ = ["FOUND_LEAST", "IvfIndex", "Probes"]

Probes = Sequence[tuple[float, int]]
"""(share of the vectors that a filter allows, lists to look into for it), the largest share first, as measured."""

FOUND_LEAST = 64
"""Codes blur the order: so many are found, at least, for the best ten of them to be the true ones."""

_WORTH_SHARING = 50_000_000
"""Numbers to compare, some 10 ms on one core. Below, waiting for the other cores, which may be busy, costs more."""


class IvfIndex:
    """An ``IndexIVFScalarQuantizer`` (a byte a dimension, of what is left after the list's centre) with its ids.

    A filter that allows less than the smallest measured share is answered from all lists: every vector that it allows
    is compared, and none is lost for lying in a list that was not looked into.
    """

    exact = False

    def __init__(self, index: Any, probes: Probes, content: Bytes | None = None) -> None:
        """``index`` as trained, or as a view of ``content``."""
        import faiss

        self._faiss: Any = faiss
        self._probes = sorted(((float(share), int(lists)) for share, lists in probes), reverse=True)
        self._content = content
        self._tail = FlatIndex(index.d)
        self._index = index

    @classmethod
    def read(cls, content: Bytes, probes: Probes) -> IvfIndex:
        """What :meth:`write` wrote, used where it lies until something is removed.

        Raises:
            IndexFileError: these are not the bytes of such an index.
        """
        import faiss

        index = viewed_index(content)
        if not isinstance(index, faiss.IndexIVFScalarQuantizer) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise IndexFileError(f"expected inverted lists by inner product, got {type(index).__name__}")
        return cls(index, probes, content)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def lists(self) -> int:
        """How many lists it has."""
        return int(self._index.nlist)

    def __len__(self) -> int:
        return int(self._index.ntotal) + len(self._tail)

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        """Add ``vectors`` ``[n, dim]``, of float16 values, under ``ids`` ``[n]``, which it must not hold yet.

        They are kept beside the lists, and enter them when the index is written.

        Raises:
            ValueError: wrong shapes, or a number that is NaN or infinite.
        """
        self._tail.add(ids, vectors)

    def keep(self, ids: Selection) -> None:
        """Remove every vector whose id is not in ``ids``."""
        self._own()
        self._index.remove_ids(self._faiss.IDSelectorNot(self._faiss.IDSelectorBitmap(ids.packed)))
        self._tail.keep(ids)

    def write(self, write: Callable[[bytes], Any]) -> None:
        """Hand all of the index to ``write``, piece by piece; what ``write`` raises is raised."""
        if len(self._tail):
            self._own()
            ids, vectors = self._tail.rows()
            self._index.add_with_ids(vectors, ids)
            self._tail = FlatIndex(self.dim)
        write_faiss(self._index, write)

    def _own(self) -> None:
        if self._content is not None:
            self._index, self._content = owned_index(self._content), None

    def search(
        self, queries: Float32Array, k: int, allowed: Selection | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """The ``k`` likeliest of each query ``[n, dim]``, scored by their codes.

        See :meth:`retrieval.store.vectors.VectorIndex.search`; at least ``FOUND_LEAST`` should be asked for, and
        ranked by their own vectors.

        Raises:
            ValueError: the queries are of another length, or hold NaN or infinity.
        """
        queries = checked_vectors(np.empty(len(queries), np.int64), queries, self.dim)
        scores, ids = self._search_lists(queries, k, allowed)
        if len(self._tail):
            new_scores, new_ids = self._tail.search(queries, k, allowed)
            scores, ids = np.hstack([scores, new_scores]), np.hstack([ids, new_ids])
        scores, ids = best_first(scores, ids)
        return scores[:, :k], ids[:, :k]

    def _search_lists(
        self, queries: Float32Array, k: int, allowed: Selection | None
    ) -> tuple[Float32Array, Int64Array]:
        probes = self.probes(allowed)
        while True:
            scores, ids = self.search_lists(queries, k, probes, allowed)
            if probes >= self.lists or not (ids == NO_VECTOR).any():
                return scores, ids
            probes = min(self.lists, 4 * probes)  # these lists hold fewer than k that are allowed

    def probes(self, allowed: Selection | None) -> int:
        """How many lists are looked into for a filter."""
        share = 1.0 if allowed is None else len(allowed) / max(1, len(self))
        return min((lists for least, lists in self._probes if share >= least), default=self.lists)

    def search_lists(
        self, queries: Float32Array, k: int, probes: int, allowed: Selection | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """What FAISS itself finds in the ``probes`` likeliest lists, unsorted where scores are equal."""
        bits = None if allowed is None else self._faiss.IDSelectorBitmap(allowed.packed)
        parameters = self._faiss.SearchParametersIVF(sel=bits, nprobe=probes)
        numbers = (len(self) if allowed is None else len(allowed)) * self.dim * probes / self.lists
        # Many queries are shared out among the cores, or, of a single one that takes long, the lists.
        self._index.parallel_mode = int(len(queries) == 1 and numbers > _WORTH_SHARING)
        scores, ids = self._index.search(queries, k, params=parameters)
        return scores, ids
