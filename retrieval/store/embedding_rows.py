"""Reads the catalog's vectors for an index: in order, and by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, bindparam, func, select

from retrieval.store.catalog import SpaceRow
from retrieval.store.driver_rows import IDS, rows_of_ids
from retrieval.store.schema import Embedding, Setting
from retrieval.store.vectors import Int64Array
from retrieval.types import Float32Array

__all__ = [
    "catalog_settings",
    "count_rows",
    "finite_vectors",
    "rows_above",
    "vector_ids",
    "vectors_of",
]

_ROWS_PER_CHUNK = 4096
_VECTORS = select(Embedding.vector_id, Embedding.vector).where(
    Embedding.space_id == bindparam("space"), Embedding.vector_id.in_(IDS)
)


def catalog_settings(connection: Connection) -> dict[str, str]:
    """The catalog's id and its count of deletions, as text."""
    rows = connection.execute(select(Setting.key, Setting.value).where(Setting.key.in_(("catalog_id", "deletions"))))
    return {row.key: row.value for row in rows}


def count_rows(connection: Connection, space_id: int, *, above: int = 0, up_to: int | None = None) -> int:
    """How many vectors a space has with ids in ``(above, up_to]``."""
    statement = select(func.count()).where(Embedding.space_id == space_id, Embedding.vector_id > above)
    if up_to is not None:
        statement = statement.where(Embedding.vector_id <= up_to)
    return connection.execute(statement).scalar_one()


def vector_ids(connection: Connection, space_id: int, up_to: int) -> Int64Array:
    """The ids of a space's vectors up to one, ascending."""
    statement = select(Embedding.vector_id).where(Embedding.space_id == space_id, Embedding.vector_id <= up_to)
    return np.fromiter(connection.scalars(statement.order_by(Embedding.vector_id)), np.int64)


def rows_above(connection: Connection, space_id: int, vector_id: int) -> Iterator[Sequence[Row[int, bytes]]]:
    """(vector_id, vector) of every row above an id, ascending, some thousands at a time."""
    columns = select(Embedding.vector_id, Embedding.vector).where(Embedding.space_id == space_id)
    while True:
        chunk = columns.where(Embedding.vector_id > vector_id).order_by(Embedding.vector_id).limit(_ROWS_PER_CHUNK)
        rows = connection.execute(chunk).all()
        if not rows:
            return
        yield rows
        vector_id = rows[-1].vector_id


def finite_vectors(rows: Sequence[Sequence[Any]], dim: int) -> tuple[Int64Array, Float32Array]:
    """Ids ``[n]`` and vectors ``[n, dim]`` of those rows ``(vector_id, vector)`` that hold ``dim`` finite float16
    numbers."""
    whole = [(vector_id, vector) for vector_id, vector in rows if len(vector) == 2 * dim]
    ids = np.array([vector_id for vector_id, _ in whole], np.int64)
    vectors = np.frombuffer(b"".join(vector for _, vector in whole), "<f2").reshape(-1, dim).astype(np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    return ids[finite], vectors[finite]


def vectors_of(connection: Connection, space: SpaceRow, ids: Iterable[int]) -> tuple[Int64Array, Float32Array]:
    """Ids ``[n]`` and vectors ``[n, dim]`` of those of ``ids`` that the catalog holds whole, in any order."""
    return finite_vectors(list(rows_of_ids(connection, _VECTORS, ids, space=space.id)), space.dim)
