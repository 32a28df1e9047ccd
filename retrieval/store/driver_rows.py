"""Rows as the driver gives them, for what is read often or by the thousand.

A search asks a dozen questions of the catalog. Most of what one costs is not the database's: building the statement,
and making an object of every row. So such statements are built once, take their ids by :data:`IDS`, and are read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import BindParameter, Connection, Executable, String, bindparam, cast, func

__all__ = ["IDS", "driver_rows", "listed", "numbers", "rows_of_ids"]

IDS: BindParameter[Any] = bindparam("ids", expanding=True)
"""The ids that a statement is about: ``column.in_(IDS)``."""
_IDS_PER_QUERY = 1000


def driver_rows(connection: Connection, statement: Executable, **values: Any) -> Sequence[tuple[Any, ...]]:
    """All rows of ``statement``; what SQLAlchemy would convert, such as times, is as the database keeps it."""
    cursor = connection.execute(statement, values).cursor
    return [] if cursor is None else cursor.fetchall()


def rows_of_ids(
    connection: Connection, statement: Executable, ids: Iterable[int], **values: Any
) -> Iterator[tuple[Any, ...]]:
    """The same of a statement that takes :data:`IDS`, some at a time: as plain ints, which is all a driver knows."""
    listed = [int(value) for value in ids]
    for start in range(0, len(listed), _IDS_PER_QUERY):
        yield from driver_rows(connection, statement, ids=listed[start : start + _IDS_PER_QUERY], **values)


def listed(*columns: Any) -> Any:
    """All values of integer ``columns`` as one text, for :func:`numbers`.

    A million rows so are the work of the database's own code, beside which other threads go on.
    """
    joined: Any = cast(columns[0], String)
    for column in columns[1:]:
        joined = joined + " " + cast(column, String)
    return func.aggregate_strings(joined, " ")


def numbers(text: str | None) -> NDArray[np.int64]:
    """What :func:`listed` lists, in any order."""
    return np.fromstring(text, np.int64, sep=" ") if text else np.empty(0, np.int64)
