"""What a vector index must do, whichever engine does it. It is derived: the catalog alone is the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from retrieval.store.selection import Int64Array, Selection
from retrieval.types import Float32Array

__all__ = ["NO_VECTOR", "Int64Array", "VectorIndex", "best_first", "checked_vectors"]

NO_VECTOR = -1
"""Stands in a row of ids where fewer than ``k`` vectors were found; its score is minus infinity."""


class VectorIndex(Protocol):
    """Vectors under ids of the catalog, compared by inner product.

    Not to be searched while another thread changes it.
    """

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def exact(self) -> bool:
        """Whether its scores are those of the catalog's own vectors, and none that is better was passed over."""

    def __len__(self) -> int:
        """How many vectors it holds."""

    def add(self, ids: Int64Array, vectors: Float32Array) -> None:
        """Add ``vectors`` ``[n, dim]``, of float16 values, under ``ids`` ``[n]``, which it must not hold yet.

        Raises:
            ValueError: wrong shapes, or a number that is NaN or infinite.
        """

    def search(
        self, queries: Float32Array, k: int, allowed: Selection | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """The ``k`` best of each query: scores ``[n, k] float32`` and ids ``[n, k] int64``, best first.

        Equal scores come in the order of their ids; which of several equal ones stand last is not defined.
        With ``allowed`` only those ids are looked at. Places stay empty, and hold ``NO_VECTOR``, only where there
        are fewer than ``k`` to be found, however few of all those are.
        """

    def keep(self, ids: Selection) -> None:
        """Remove every vector whose id is not in ``ids``."""

    def write(self, write: Callable[[bytes], Any]) -> None:
        """Hand all of the index to ``write``, piece by piece."""


def checked_vectors(ids: Int64Array, vectors: Float32Array, dim: int) -> Float32Array:
    """``vectors`` as contiguous float32, if they may enter an index of ``dim``."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2 or vectors.shape[1] != dim or ids.shape != vectors.shape[:1]:
        raise ValueError(f"expected ids [n] and vectors [n, {dim}], got {ids.shape} and {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("a vector with NaN or infinity can't enter an index")
    return vectors


def best_first(scores: Float32Array, ids: Int64Array) -> tuple[Float32Array, Int64Array]:
    """Sort each row ``[n, k]`` by score, equal scores by id; empty places stay last."""
    empty = ids == NO_VECTOR
    scores = np.where(empty, np.float32(-np.inf), scores)
    order = np.lexsort((ids, -scores, empty), axis=-1)
    return np.take_along_axis(scores, order, axis=-1), np.take_along_axis(ids, order, axis=-1)
