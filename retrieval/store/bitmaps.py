"""Which vectors a filter allows, kept as bitmaps for the next query until anything is committed to the catalog."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import reduce
from operator import and_, or_
from threading import Lock

from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.file_filter import (
    EVERYTHING,
    AllOf,
    AnyOf,
    FileFilter,
    Not,
    OfContent,
    all_of,
    speaks_of_files,
    without_not,
)
from retrieval.store.lookup import Lookup
from retrieval.store.selection import Int64Array, Selection
from retrieval.store.vector_owners import VectorOwners

__all__ = ["Bitmaps"]

_BYTES_MOST = 64 << 20
"""Of all bitmaps together: 500 of a million vectors."""


class Bitmaps:
    """Selections by filter. Safe to share between threads.

    Each condition is asked for and kept for itself, and they are joined as sets; a not is what is left of everything.
    But conditions on files that all have to hold stay together: one file has to meet them.
    """

    def __init__(self, catalog: Catalog, lookup: Lookup) -> None:
        self._catalog = catalog
        self._lookup = lookup
        self._owners = VectorOwners(catalog)
        self._lock = Lock()
        self._version: int | None = None
        self._kept: OrderedDict[tuple[int, FileFilter], Selection] = OrderedDict()

    def of(self, space: SpaceRow, wanted: FileFilter) -> Selection:
        """The vectors of ``space`` whose asset has a present file that meets ``wanted``, as of now or later."""
        version = self._catalog.version()  # asked for first: what is read after it is at least as new
        with self._lock:
            if version is None or version != self._version:
                self._kept.clear()
                self._version = version
        return self._joined(space, without_not(wanted), version)

    def _joined(self, space: SpaceRow, wanted: FileFilter, version: int | None) -> Selection:
        def each(parts: Sequence[FileFilter]) -> list[Selection]:
            return [self._joined(space, part, version) for part in parts]

        match wanted:
            case AllOf() if len(parts := _apart(wanted)) > 1:
                return reduce(and_, each(parts))
            case AnyOf(parts) if parts:
                return reduce(or_, each(parts))
            case Not(OfContent() as part):
                return self._part(space, EVERYTHING, version) - self._part(space, part, version)
            case _:
                return self._part(space, wanted, version)

    def _part(self, space: SpaceRow, part: FileFilter, version: int | None) -> Selection:
        key = (space.id, part)
        with self._lock:
            if key in self._kept and version == self._version:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = Selection.of(self._vector_ids(space, part))
        with self._lock:
            if version is not None and version == self._version:
                self._kept[key] = made
                self._make_room()
        return made

    def _vector_ids(self, space: SpaceRow, part: FileFilter) -> Int64Array:
        if self._owners.knows(space):
            return self._owners.vectors_of(space, self._lookup.asset_ids(part))
        return self._lookup.vector_ids(space, part)

    def _make_room(self) -> None:
        """The one that was asked for the longest ago goes first."""
        while len(self._kept) > 1 and sum(each.size_bytes for each in self._kept.values()) > _BYTES_MOST:
            self._kept.popitem(last=False)


def _apart(wanted: AllOf) -> list[FileFilter]:
    """The parts that may be asked for one by one; those that speak of files are one."""
    alone = [part for part in wanted.parts if not speaks_of_files(part)]
    return [*alone, all_of(*together)] if (together := [part for part in wanted.parts if part not in alone]) else alone
