"""What was read from a catalog, kept until anything is committed to it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

from retrieval.store.catalog import Catalog

__all__ = ["Remembered"]

_T = TypeVar("_T")


_MOST = 128


class Remembered:
    """Facts of a catalog by key, small ones; of many the latest. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = Lock()
        self._version: int | None = None
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def of(self, key: Hashable, read: Callable[[], _T]) -> _T:
        """What ``read`` says, asked once for each ``key`` as long as the catalog is what it was."""
        version = self._catalog.version()  # asked for first: what is read after it is at least as new
        with self._lock:
            if version is None or version != self._version:
                self._kept.clear()
                self._version = version
            if key in self._kept:
                self._kept.move_to_end(key)
                found: _T = self._kept[key]
                return found
        read_now = read()
        with self._lock:
            if version is not None and version == self._version:
                self._kept[key] = read_now
                if len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return read_now
