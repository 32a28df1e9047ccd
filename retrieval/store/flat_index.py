"""The exact vector index of one machine: FAISS over every vector, by inner product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from retrieval.errors import IndexFileError
from retrieval.store.vectors import NO_VECTOR, Int64Array, best_first, checked_vectors
from retrieval.types import Float32Array

__all__ = ["FlatIndex"]

_PIECE_BYTES = 1 << 20
_FEW_SHARE = 0.05
"""Under this share of allowed vectors, multiplying those alone is quicker than asking FAISS to pass over the rest."""


class FlatIndex:
    """An ``IndexIDMap2`` over an ``IndexFlatIP``: float32, exact. Not safe to search while another thread adds."""

    def __init__(self, dim: int) -> None:
        """An empty index of vectors of length ``dim``."""
        # FAISS takes over half a second to import; help, status and a refused query must not pay for it.
        import faiss

        self._faiss: Any = faiss  # the types that it publishes don't know its Python callbacks
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    @classmethod
    def read(cls, file: BinaryIO) -> FlatIndex:
        """What :meth:`write` wrote, from ``file`` onwards.

        Raises:
            IndexFileError: these are not the bytes of such an index.
        """
        index = cls(1)
        faiss = index._faiss
        try:
            read = faiss.read_index(faiss.PyCallbackIOReader(file.read, _PIECE_BYTES))
        except RuntimeError as error:
            raise IndexFileError("FAISS can't read the index") from error
        if not isinstance(read, faiss.IndexIDMap2) or not isinstance(
            faiss.downcast_index(read.index), faiss.IndexFlatIP
        ):
            raise IndexFileError(f"expected an exact index by inner product, got {type(read).__name__}")
        index._index = read
        return index

    def write(self, write: Callable[[bytes], Any]) -> None:
        """Hand all of the index to ``write``, piece by piece; what ``write`` raises is raised."""
        self._faiss.write_index(self._index, self._faiss.PyCallbackIOWriter(write, _PIECE_BYTES))

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def ids(self) -> Int64Array:
        """``[n] int64``, in the order of adding."""
        ids: Int64Array = self._faiss.vector_to_array(self._index.id_map)
        return ids

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        """Add ``vectors`` ``[n, dim]`` under ``ids`` ``[n]``, which it must not hold yet.

        Raises:
            ValueError: wrong shapes, or a number that is NaN or infinite.
        """
        self._index.add_with_ids(checked_vectors(ids, vectors, self.dim), np.ascontiguousarray(ids, dtype=np.int64))

    def search(
        self, queries: Float32Array, k: int, allowed: Int64Array | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """The ``k`` best of each query ``[n, dim]``; see :meth:`retrieval.store.vectors.VectorIndex.search`.

        Raises:
            ValueError: the queries are of another length, or hold NaN or infinity.
        """
        queries = checked_vectors(np.empty(len(queries), np.int64), queries, self.dim)
        if allowed is not None and len(allowed) <= len(self) * _FEW_SHARE:
            return self._search_few(queries, k, allowed)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), NO_VECTOR, np.int64)
        found = min(k, len(self))
        if found:
            selector = None if allowed is None else self._selector(allowed)
            scores[:, :found], ids[:, :found] = self._index.search(queries, found, params=selector)
        return best_first(scores, ids)

    def _selector(self, allowed: Int64Array) -> Any:
        """A bit an id: the quickest test when many are allowed."""
        bits = np.zeros(int(max(self.ids.max(), allowed.max(initial=0))) + 1, bool)
        bits[allowed] = True
        selector = self._faiss.IDSelectorBitmap(np.packbits(bits, bitorder="little"))
        return self._faiss.SearchParameters(sel=selector)

    def _search_few(self, queries: Float32Array, k: int, allowed: Int64Array) -> tuple[Float32Array, Int64Array]:
        known = np.intersect1d(allowed, self.ids)
        vectors = self._index.reconstruct_batch(known) if len(known) else np.empty((0, self.dim), np.float32)
        found = queries @ vectors.T  # [queries, known]
        scores, ids = best_first(found, np.broadcast_to(known, found.shape))
        missing = ((0, 0), (0, max(0, k - len(known))))
        return (
            np.pad(scores[:, :k], missing, constant_values=-np.inf),
            np.pad(ids[:, :k], missing, constant_values=NO_VECTOR),
        )
