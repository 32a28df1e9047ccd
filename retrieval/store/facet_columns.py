"""What contents can be counted by, a column for each, in memory: a million contents are counted in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, extract, select

from retrieval.store.driver_rows import driver_rows, listed, numbers
from retrieval.store.filter_conditions import nanoseconds_of
from retrieval.store.parts import is_shown_by_main
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
    """All of them, as of now. It takes seconds for a million contents, most of them in the database's own code: values
    come as lists of ids in one text each, so that searches in other threads are hardly held up."""
    shown = (File.present.is_(True), ~is_shown_by_main(), File.asset_id.is_not(None))
    files = _pairs(connection, select(listed(File.id, File.asset_id)).where(*shown))
    asset_ids, first = np.unique(files[:, 1], return_index=True)  # files are in the order of their ids
    first_files = files[first, 0]
    tag_rows, tags = _tags(connection, asset_ids)
    return FacetColumns(
        asset_ids=asset_ids,
        kinds=_named(connection, asset_ids, Asset.kind, Asset.id),
        cameras=_named(connection, asset_ids, Asset.camera, Asset.id),
        folders=_folders(connection, first_files),
        years=_years(connection, asset_ids, first_files),
        has={
            "sound": _is_among(connection, asset_ids, select(listed(Asset.id)).where(Asset.has_sound)),
            "speech": _with_words(connection, asset_ids, "speech"),
            "text": _with_words(connection, asset_ids, "ocr"),
            "place": _is_among(connection, asset_ids, select(listed(Asset.id)).where(Asset.latitude.is_not(None))),
        },
        tag_rows=tag_rows,
        tags=tags,
    )


def _pairs(connection: Connection, statement: Any) -> Int64Array:
    """``[n, 2]`` numbers that ``statement`` lists, in the order of the first."""
    pairs = numbers(connection.scalar(statement)).reshape(-1, 2)
    return pairs[np.argsort(pairs[:, 0], kind="stable")]


def _is_among(connection: Connection, ids: Int64Array, listing: Any) -> BoolArray:
    return np.isin(ids, numbers(connection.scalar(listing)))


def _coded(connection: Connection, ids: Int64Array, value: Any, number: Any) -> tuple[list[Any], Int64Array]:
    """Every value of a column, and for each of ``ids`` (ascending) the place of its own, -1 for none."""
    codes = np.full(len(ids), -1)
    values: list[Any] = []
    for each, text in driver_rows(connection, select(value, listed(number)).group_by(value)):
        places, known = _places(ids, numbers(text))
        codes[places[known]] = len(values)
        values.append(each)
    return values, codes


def _places(ids: Int64Array, wanted: Int64Array) -> tuple[Int64Array, BoolArray]:
    """Where ``wanted`` stand in ``ids``, which ascend, and which of them do."""
    places = np.minimum(np.searchsorted(ids, wanted), max(0, len(ids) - 1))
    return places, ids[places] == wanted if len(ids) else np.zeros(len(wanted), bool)


def _named(connection: Connection, ids: Int64Array, value: Any, number: Any) -> Names:
    values, codes = _coded(connection, ids, value, number)
    there = np.array([bool(each) for each in values], bool)
    renumbered = np.append(np.where(there, np.cumsum(there) - 1, -1), -1)  # none, and an empty name, stay -1
    return Names(renumbered[codes], [each for each in values if each])


def _folders(connection: Connection, first_files: Int64Array) -> Names:
    order = np.argsort(first_files)
    found = _named(connection, first_files[order], File.folder, File.id)
    codes = np.empty_like(found.codes)
    codes[order] = found.codes
    return Names(codes, [name.rstrip("/") or "/" for name in found.names])


def _years(connection: Connection, asset_ids: Int64Array, first_files: Int64Array) -> Int64Array:
    """Of the time at which it was taken; where it doesn't say, of that at which its file was last modified."""
    taken, codes = _coded(connection, asset_ids, extract("year", Asset.taken_at), Asset.id)
    years = np.append(np.array([int(year or 0) for year in taken], np.int64), 0)[codes]
    undated = select(listed(File.id, File.modified_ns)).join(Asset, Asset.id == File.asset_id)
    times = _pairs(connection, undated.where(Asset.taken_at.is_(None)))
    places, known = _places(times[:, 0], first_files)
    left = known & (years == 0)
    years[left] = _years_of(times[places[left], 1])
    return years


def _years_of(modified_ns: Int64Array) -> Int64Array:
    """The local years of files' times."""
    starts = [nanoseconds_of(datetime(year, 1, 1)) for year in range(_FIRST_YEAR + 1, _LAST_YEAR + 1)]
    return _FIRST_YEAR + np.searchsorted(np.array(starts), modified_ns, side="right")


def _with_words(connection: Connection, asset_ids: Int64Array, expert: str) -> BoolArray:
    spoken = select(TimedWords.asset_id).where(TimedWords.expert == expert).distinct().subquery()
    return _is_among(connection, asset_ids, select(listed(spoken.c.asset_id)))


def _tags(connection: Connection, asset_ids: Int64Array) -> tuple[Int64Array, Names]:
    """Each tag of each content once, whoever says it, and none that a person refused; names in any case are one."""
    groups: dict[str, int] = {}
    names: list[str] = []
    group_of: dict[int, int] = {}
    for label_id, name in driver_rows(connection, select(Label.id, Label.name).order_by(Label.id)):
        key = name.casefold()
        if key not in groups:
            groups[key] = len(names)
            names.append(name)
        group_of[label_id] = groups[key]

    def keys(*, refused: bool) -> Int64Array:
        listing = select(Tag.label_id, listed(Tag.asset_id)).where(Tag.refused.is_(refused)).group_by(Tag.label_id)
        rows = driver_rows(connection, listing)
        found = [numbers(text) * len(names) + group_of[label_id] for label_id, text in rows]
        sorted_keys = np.sort(np.concatenate([np.empty(0, np.int64), *found]))
        return sorted_keys[np.diff(sorted_keys, prepend=-1) > 0]  # `np.unique` hashes, which takes ten times as long

    borne = np.setdiff1d(keys(refused=False), keys(refused=True), assume_unique=True)
    owners, codes = np.divmod(borne, max(1, len(names)))
    places, shown = _places(asset_ids, owners)
    return places[shown], Names(codes[shown], names)
