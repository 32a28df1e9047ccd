"""Which vectors a filter allows, kept as bitmaps for the next query until anything is committed to the catalog."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from operator import and_
from threading import Lock

from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.lookup import FileFilter, Lookup
from retrieval.store.selection import Selection

__all__ = ["Bitmaps"]

_BYTES_MOST = 64 << 20
"""Of all bitmaps together: 500 of a million vectors."""


class Bitmaps:
    """Selections by filter. Safe to share between threads.

    What concerns the content (its kind, each of its tags) and what concerns a file (folder and time) are asked for and
    kept apart, and joined: a content is allowed that is of the kind, bears the tags and has a file that meets the rest.
    Folder and time stay together, since one file has to meet both.
    """

    def __init__(self, catalog: Catalog, lookup: Lookup) -> None:
        self._catalog = catalog
        self._lookup = lookup
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
        return reduce(and_, [self._part(space, part, version) for part in _parts(wanted)])

    def _part(self, space: SpaceRow, part: FileFilter, version: int | None) -> Selection:
        key = (space.id, part)
        with self._lock:
            if key in self._kept and version == self._version:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = Selection.of(self._lookup.vector_ids(space, part))
        with self._lock:
            if version is not None and version == self._version:
                self._kept[key] = made
                self._make_room()
        return made

    def _make_room(self) -> None:
        """The one that was asked for the longest ago goes first."""
        while len(self._kept) > 1 and sum(each.size_bytes for each in self._kept.values()) > _BYTES_MOST:
            self._kept.popitem(last=False)


def _parts(wanted: FileFilter) -> Iterator[FileFilter]:
    if wanted.kind is not None:
        yield FileFilter(kind=wanted.kind)
    for tag in wanted.tags:
        yield FileFilter(tags=(tag.casefold(),))
    rest = replace(wanted, kind=None, tags=())
    if rest or not wanted:
        yield rest
