"""The exact vector index of one machine: FAISS over every vector, by inner product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from retrieval.errors import IndexFileError
from retrieval.store.faiss_bytes import Bytes, owned_index, viewed_index, write_faiss
from retrieval.store.gpu_copy import GpuCopy
from retrieval.store.selection import Selection
from retrieval.store.vectors import NO_VECTOR, Int64Array, best_first, checked_vectors
from retrieval.types import Float32Array

__all__ = ["FlatIndex"]


_SEARCHES_BEFORE_COPYING = 2
"""Between changes: a process that asks once, or a run that adds all the time, would copy more than it searches."""


class FlatIndex:
    """An ``IndexIDMap`` over float16 codes. The catalog's vectors are float16, so that nothing is lost by it."""

    exact = True

    def __init__(self, dim: int) -> None:
        """An empty index of vectors of length ``dim``."""
        # FAISS takes a third of a second to import; help, status and a refused query must not pay for it.
        import faiss

        self._faiss: Any = faiss  # the types that it publishes don't know its Python callbacks
        codes = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        self._index: Any = faiss.IndexIDMap(codes)
        self._content: Bytes | None = None
        self._searches = 0  # since it was last changed
        self._gpu: GpuCopy | None = None

    @classmethod
    def read(cls, content: Bytes) -> FlatIndex:
        """What :meth:`write` wrote; ``content`` is used where it lies until something is added or removed.

        Raises:
            IndexFileError: these are not the bytes of such an index.
        """
        index = cls(1)
        read = viewed_index(content)
        if not index._is_one(read):
            raise IndexFileError(f"expected an exact index by inner product, got {type(read).__name__}")
        index._index, index._content = read, content
        return index

    def _is_one(self, read: Any) -> bool:
        if not isinstance(read, self._faiss.IndexIDMap) or read.metric_type != self._faiss.METRIC_INNER_PRODUCT:
            return False
        codes = self._faiss.downcast_index(read.index)
        wanted = self._faiss.ScalarQuantizer.QT_fp16
        return isinstance(codes, self._faiss.IndexScalarQuantizer) and codes.sq.qtype == wanted

    def write(self, write: Callable[[bytes], Any]) -> None:
        """Hand all of the index to ``write``, piece by piece; what ``write`` raises is raised."""
        write_faiss(self._index, write)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def rows(self) -> tuple[Int64Array, Float32Array]:
        """All ids ``[n]`` and vectors ``[n, dim]``, in the order of adding."""
        ids: Int64Array = self._faiss.vector_to_array(self._index.id_map)
        vectors: Float32Array = self._index.index.reconstruct_n(0, len(self))
        return ids, vectors

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        """Add ``vectors`` ``[n, dim]``, of float16 values, under ``ids`` ``[n]``, which it must not hold yet.

        Raises:
            ValueError: wrong shapes, or a number that is NaN or infinite.
        """
        vectors = checked_vectors(ids, vectors, self.dim)
        self._own()
        self._index.add_with_ids(vectors, np.ascontiguousarray(ids, dtype=np.int64))

    def keep(self, ids: Selection) -> None:
        """Remove every vector whose id is not in ``ids``."""
        self._own()
        bits = self._faiss.IDSelectorBitmap(ids.packed)
        self._index.remove_ids(self._faiss.IDSelectorNot(bits))

    def _own(self) -> None:
        """It will be changed."""
        self._searches, self._gpu = 0, None
        if self._content is not None:
            self._index, self._content = owned_index(self._content), None

    def search(
        self, queries: Float32Array, k: int, allowed: Selection | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """The ``k`` best of each query ``[n, dim]``; see :meth:`retrieval.store.vectors.VectorIndex.search`.

        Raises:
            ValueError: the queries are of another length, or hold NaN or infinity.
        """
        queries = checked_vectors(np.empty(len(queries), np.int64), queries, self.dim)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), NO_VECTOR, np.int64)
        found = min(k, len(self))
        if found:
            scores[:, :found], ids[:, :found] = self._found(queries, found, allowed)
        return best_first(scores, ids)

    def _found(self, queries: Float32Array, k: int, allowed: Selection | None) -> tuple[Float32Array, Int64Array]:
        if allowed is None and (by_gpu := self._found_by_gpu(queries, k)) is not None:
            return by_gpu
        bits = None if allowed is None else self._faiss.IDSelectorBitmap(allowed.packed)
        parameters = None if bits is None else self._faiss.SearchParameters(sel=bits)
        scores, ids = self._index.search(queries, k, params=parameters)
        return scores, ids

    def _found_by_gpu(self, queries: Float32Array, k: int) -> tuple[Float32Array, Int64Array] | None:
        """Where there is one, once it is worth the copying."""
        self._searches += 1
        if self._searches == _SEARCHES_BEFORE_COPYING:
            codes = self._faiss.downcast_index(self._index.index)
            self._gpu = GpuCopy.of(codes, self._faiss.vector_to_array(self._index.id_map))
        return None if self._gpu is None else self._gpu.search(queries, k)
