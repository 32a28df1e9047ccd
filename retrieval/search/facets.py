"""Facets: how many of the contents that a filter lets through have each kind, year, folder, tag, camera, or speech."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from posixpath import commonpath
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from retrieval.search.written import field_text
from retrieval.store.catalog import Catalog
from retrieval.store.facet_columns import FacetColumns, Names, load_columns
from retrieval.store.file_filter import FileFilter
from retrieval.store.lookup import Lookup

__all__ = ["Facet", "FacetCounter", "FacetValue", "Facets"]

BoolArray = NDArray[np.bool_]
_RARELY = 10
"""While something is written all the time, columns are read again after so many times what reading them takes."""
_COUNTS_MOST = 64
"""Most questions have no fields, or those of the question before: what was counted is kept."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value, how many contents have it, and the field that asks for it, such as ``tag:"red car"``."""

    label: str
    count: int
    token: str


@dataclass(frozen=True, slots=True)
class Facet:
    """``kind``, ``year``, ``folder``, ``tag``, ``camera`` or ``has``, with its values: the newest years first, of the
    others the most frequent."""

    name: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class Facets:
    """Of ``contents`` contents, all facets; one without values is left out."""

    contents: int
    facets: tuple[Facet, ...]


class FacetCounter:
    """Counts over one catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._catalog = catalog
        self._lookup = Lookup(catalog)
        self._clock = clock
        self._lock = Lock()
        self._version: int | None = None
        self._loaded: tuple[FacetColumns, float, float] | None = None
        self._counted: OrderedDict[tuple[FileFilter, int], Facets] = OrderedDict()

    def count(self, wanted: FileFilter, most: int) -> Facets:
        """The facets of what ``wanted`` lets through, each with its ``most`` first values."""
        with self._lock:
            columns = self._columns()
            if (wanted, most) not in self._counted:
                self._counted[wanted, most] = _count(columns, self._mask(columns, wanted), most)
                if len(self._counted) > _COUNTS_MOST:
                    self._counted.popitem(last=False)
            return self._counted[wanted, most]

    def _columns(self) -> FacetColumns:
        version, now = self._catalog.version(), self._clock()
        if self._loaded is not None:
            columns, read_at, took = self._loaded
            is_current = version is not None and version == self._version
            if is_current or now - read_at < _RARELY * took:
                return columns
        with self._catalog.engine.connect() as connection:
            columns = load_columns(connection)
        self._loaded = (columns, self._clock(), self._clock() - now)
        self._version = version
        self._counted.clear()
        return columns

    def _mask(self, columns: FacetColumns, wanted: FileFilter) -> BoolArray:
        if not wanted:
            return np.ones(len(columns.asset_ids), bool)
        return np.isin(columns.asset_ids, self._lookup.asset_ids(wanted))


def _count(columns: FacetColumns, mask: BoolArray, most: int) -> Facets:
    named = {
        "kind": _named(columns.kinds, mask, "kind", most),
        "year": _years(columns, mask, most),
        "folder": _folders(columns.folders, mask, most),
        "tag": _tags(columns, mask, most),
        "camera": _named(columns.cameras, mask, "camera", most),
        "has": _has(columns, mask),
    }
    facets = (Facet(name, tuple(values)) for name, values in named.items() if values)
    return Facets(int(mask.sum()), tuple(facets))


def _most_first(names: Sequence[str], counts: Sequence[int], field: str, most: int) -> list[FacetValue]:
    order = sorted((place for place, count in enumerate(counts) if count), key=lambda at: (-counts[at], names[at]))
    return [FacetValue(names[at], counts[at], field_text(field, names[at])) for at in order[:most]]


def _counted(codes: NDArray[np.int64], names: Sequence[str]) -> list[int]:
    counted: list[int] = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
    return counted


def _named(column: Names, mask: BoolArray, field: str, most: int) -> list[FacetValue]:
    return _most_first(column.names, _counted(column.codes[mask], column.names), field, most)


def _tags(columns: FacetColumns, mask: BoolArray, most: int) -> list[FacetValue]:
    counts = _counted(columns.tags.codes[mask[columns.tag_rows]], columns.tags.names)
    return _most_first(columns.tags.names, counts, "tag", most)


def _years(columns: FacetColumns, mask: BoolArray, most: int) -> list[FacetValue]:
    counts = np.bincount(columns.years[mask])
    newest = [(year, int(counts[year])) for year in np.flatnonzero(counts)[::-1].tolist()]
    return [FacetValue(f"{year:04}", count, f"on:{year:04}") for year, count in newest[:most]]


def _has(columns: FacetColumns, mask: BoolArray) -> list[FacetValue]:
    counts = {name: int((column & mask).sum()) for name, column in columns.has.items()}
    return [FacetValue(name, count, f"has:{name}") for name, count in counts.items() if count]


def _folders(column: Names, mask: BoolArray, most: int) -> list[FacetValue]:
    """The folders next below the one that all have in common; where they have none, the first that each of the trees
    parts at: nobody knows their pictures by ``/home`` and ``/mnt``.
    """
    counts = _counted(column.codes[mask], column.names)
    there = {name: count for name, count in zip(column.names, counts, strict=True) if count}
    if len(there) < 2:
        return []
    parent = commonpath(there)
    below: Counter[str] = Counter()
    for folder, path in _children(parent, there):
        below[path] += there[folder]
    if parent == "/":
        trees = {
            path: [folder for folder in there if folder == path or folder.startswith(f"{path}/")] for path in below
        }
        below = Counter({commonpath(folders): below[path] for path, folders in trees.items()})
    ranked = sorted(below.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [FacetValue(path.rpartition("/")[2], count, field_text("under", path)) for path, count in ranked]


def _children(parent: str, folders: Sequence[str] | dict[str, int]) -> Iterator[tuple[str, str]]:
    """Each folder below ``parent`` with the one next below it that it lies in."""
    start = parent.rstrip("/") + "/"
    for folder in folders:
        if folder.startswith(start) and folder != start:
            yield folder, start + folder[len(start) :].partition("/")[0]
