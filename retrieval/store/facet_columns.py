"""What contents can be counted by, a column for each, in memory: a million contents are counted in milliseconds."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Executable, extract, select

from retrieval.store.file_filter import EVERYTHING
from retrieval.store.filter_conditions import conditions_of, nanoseconds_of
from retrieval.store.schema import Asset, File, Label, Tag, TimedWords

__all__ = ["FacetColumns", "Names", "load_columns"]

Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
_FIRST_YEAR, _LAST_YEAR = 1970, 2100


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """A column of names: ``codes`` ``[n]`` are places in ``names``, -1 for none."""

    codes: Int64Array
    names: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class FacetColumns:
    """Of ``n`` contents that have a file to show; what concerns a file is that of the first one that was found."""

    asset_ids: Int64Array
    """``[n]``, ascending."""
    kinds: Names
    cameras: Names
    folders: Names
    """The readable form of the folder that the file lies in."""
    years: Int64Array
    """``[n]``: when it was taken, or else last modified."""
    has: dict[str, BoolArray]
    """``[n]`` each: sound, speech, text, place."""
    tag_rows: Int64Array
    """``[m]``: places of contents, one for each tag that they bear."""
    tags: Names
    """``[m]``."""


def load_columns(connection: Connection) -> FacetColumns:
    """All of them, as of now. A few seconds for a million contents."""
    files = (File.asset_id, File.display, File.modified_ns)
    own = (Asset.kind, Asset.camera, extract("year", Asset.taken_at), Asset.has_sound, Asset.latitude)
    shown = select(*files, *own).join(Asset, Asset.id == File.asset_id).order_by(File.id)
    rows = _rows(connection, shown.where(*conditions_of(EVERYTHING, connection)))
    columns = list(zip(*rows, strict=True)) or [()] * 8
    asset_ids, first = np.unique(np.array(columns[0], np.int64), return_index=True)

    def column(place: int) -> list[Any]:
        values = columns[place]
        return [values[row] for row in first.tolist()]

    modified = np.array(column(2), np.int64)
    taken = np.array([year or 0 for year in column(5)], np.int64)
    tag_rows, tags = _tags(connection, asset_ids)
    return FacetColumns(
        asset_ids=asset_ids,
        kinds=_named(column(3)),
        cameras=_named(column(4)),
        folders=_named(list(map(posixpath.dirname, column(1)))),
        years=np.where(taken > 0, taken, _years_of(modified)),
        has={
            "sound": np.array(column(6), bool),
            "speech": _with_words(connection, asset_ids, "speech"),
            "text": _with_words(connection, asset_ids, "ocr"),
            "place": np.array([latitude is not None for latitude in column(7)], bool),
        },
        tag_rows=tag_rows,
        tags=tags,
    )


def _rows(connection: Connection, statement: Executable) -> Sequence[tuple[Any, ...]]:
    """The driver's own rows: a million Row objects would take seconds."""
    cursor = connection.execute(statement).cursor
    return [] if cursor is None else cursor.fetchall()


def _named(values: Sequence[str | None]) -> Names:
    codes: dict[str, int] = {}
    found = [-1 if value is None or not value else codes.setdefault(value, len(codes)) for value in values]
    return Names(np.array(found, np.int64), list(codes))


def _years_of(modified_ns: Int64Array) -> Int64Array:
    """The local years of files' times."""
    starts = [nanoseconds_of(datetime(year, 1, 1)) for year in range(_FIRST_YEAR + 1, _LAST_YEAR + 1)]
    return _FIRST_YEAR + np.searchsorted(np.array(starts), modified_ns, side="right")


def _with_words(connection: Connection, asset_ids: Int64Array, expert: str) -> BoolArray:
    spoken = select(TimedWords.asset_id).where(TimedWords.expert == expert).distinct()
    return np.isin(asset_ids, np.array([row[0] for row in _rows(connection, spoken)], np.int64))


def _tags(connection: Connection, asset_ids: Int64Array) -> tuple[Int64Array, Names]:
    """Each tag of each content once, whoever says it, and none that a person refused; names in any case are one."""
    groups: dict[str, int] = {}
    names: list[str] = []
    group_of: dict[int, int] = {}
    for label_id, name in _rows(connection, select(Label.id, Label.name).order_by(Label.id)):
        key = name.casefold()
        if key not in groups:
            groups[key] = len(names)
            names.append(name)
        group_of[label_id] = groups[key]
    if not names:
        return np.empty(0, np.int64), Names(np.empty(0, np.int64), [])
    by_label = np.zeros(max(group_of) + 1, np.int64)
    by_label[list(group_of)] = list(group_of.values())

    def keys(*, refused: bool) -> Int64Array:
        pairs = _rows(connection, select(Tag.asset_id, Tag.label_id).where(Tag.refused.is_(refused)))
        listed = np.array(pairs, np.int64).reshape(-1, 2)
        return np.unique(listed[:, 0] * len(names) + by_label[listed[:, 1]])

    borne = np.setdiff1d(keys(refused=False), keys(refused=True), assume_unique=True)
    owners, codes = np.divmod(borne, len(names))
    places = np.minimum(np.searchsorted(asset_ids, owners), max(0, len(asset_ids) - 1))
    shown = asset_ids[places] == owners if len(asset_ids) else np.zeros(len(owners), bool)
    return places[shown], Names(codes[shown], names)
