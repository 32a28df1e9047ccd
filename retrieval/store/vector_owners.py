"""Which content each vector of a big space is of, in memory: from many contents to their vectors in milliseconds.

The catalog is asked for each content else, at three steps of its indexes. A vector is of the same content for ever, and
ids of vectors are never used twice: so what was read once stays true, and what came since is added. Vectors that went
stay known here; no index holds them.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.driver_rows import listed, numbers
from retrieval.store.remembered import Remembered
from retrieval.store.schema import Embedding, Segment, Segmentation

__all__ = ["VectorOwners"]

Int64Array = NDArray[np.int64]
FROM_VECTORS = 100_000
"""Of fewer the catalog itself is quick, and they are not worth their memory: 16 bytes a vector."""
_VECTORS_AT_ONCE = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """The vectors up to ``highest``: their ids and the contents that they are of, ``[n]`` each."""

    vector_ids: Int64Array
    owners: Int64Array
    highest: int
    version: int | None


class VectorOwners:
    """Of the spaces of one catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="vector-owners")
        self._remembered = Remembered(catalog)
        self._asked: set[int] = set()
        self._known: dict[int, Future[_Known]] = {}

    def knows(self, space: SpaceRow) -> bool:
        """Whether it can say. Of a big space it is read in the background once it was asked for twice: a process that
        asks once is gone before it could have the good of it."""
        if self._remembered.of("last", self._last) < FROM_VECTORS:
            return False
        with self._lock:
            if space.id not in self._asked:
                self._asked.add(space.id)
                return False
            if space.id not in self._known:
                self._known[space.id] = self._reader.submit(self._read, space, _NOTHING)
            if not self._known[space.id].done():
                return False
            if self._known[space.id].exception() is None:
                return True
            del self._known[space.id]  # the catalog could not be read; whoever reads it next says why
            return False

    def _last(self) -> int:
        with self._catalog.engine.connect() as connection:
            return connection.scalar(select(func.max(Embedding.vector_id))) or 0

    def vectors_of(self, space: SpaceRow, asset_ids: Int64Array) -> Int64Array:
        """The ids ``[n]`` of all vectors of the contents ``asset_ids``, of a space that it knows."""
        with self._lock:
            known = self._known[space.id].result()
            version = self._catalog.version()
            if version is None or version != known.version:
                known = self._read(space, known)
                self._known[space.id] = _told(known)
        is_wanted = np.zeros(max(known.owners.max(initial=0), asset_ids.max(initial=0)) + 1, bool)
        is_wanted[asset_ids] = True
        return known.vector_ids[is_wanted[known.owners]]

    def _read(self, space: SpaceRow, known: _Known) -> _Known:
        """``known`` with what came since."""
        version = self._catalog.version()  # asked for first: what is read after it is at least as new
        pairs = (
            select(listed(Embedding.vector_id, Segmentation.asset_id))
            .join(Segment, Segment.id == Embedding.segment_id)
            .join(Segmentation, Segmentation.id == Segment.segmentation_id)
            .where(Embedding.space_id == space.id)
        )
        ids, owners = [known.vector_ids], [known.owners]
        last = self._last()
        with self._catalog.engine.connect() as connection:
            for first in range(known.highest, last, _VECTORS_AT_ONCE):
                between = (Embedding.vector_id > first, Embedding.vector_id <= min(last, first + _VECTORS_AT_ONCE))
                found = numbers(connection.scalar(pairs.where(*between))).reshape(-1, 2)
                ids.append(found[:, 0])
                owners.append(found[:, 1])
        return _Known(np.concatenate(ids), np.concatenate(owners), last, version)


def _told(known: _Known) -> Future[_Known]:
    future: Future[_Known] = Future()
    future.set_result(known)
    return future


_NOTHING = _Known(np.empty(0, np.int64), np.empty(0, np.int64), 0, None)
