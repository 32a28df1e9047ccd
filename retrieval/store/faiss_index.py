"""The vector index of one space, kept true to the catalog: read when it is valid, added to, rebuilt when it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from retrieval.errors import IndexFileError, LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.embedding_rows import (
    catalog_settings,
    count_rows,
    finite_vectors,
    rows_above,
    vector_ids,
    vectors_of,
)
from retrieval.store.epochs import covers, epoch_at
from retrieval.store.flat_index import FlatIndex
from retrieval.store.index_choice import wants_training
from retrieval.store.index_file import (
    IndexStamp,
    file_identity,
    index_path,
    open_index_file,
    write_index_file,
)
from retrieval.store.ivf_index import FOUND_LEAST, IvfIndex
from retrieval.store.selection import Selection
from retrieval.store.vectors import NO_VECTOR, Int64Array, VectorIndex, best_first
from retrieval.types import Float32Array

__all__ = ["SAVED_PAST", "CatalogIndex", "Notice", "open_index"]

Notice = Callable[[str], None]
"""Takes one plain line for a person."""

COUNTED_BELOW = 100_000
"""Rows of a space that are counted whenever anything was committed. Counting a million takes longer than a search: of
more, they are counted when the index is opened, and known by the catalog's count of deletions from there on."""
_SCORED_AT_ONCE = 10_000
SAVED_PAST = 4096
"""Vectors that a searcher adds before it saves the index for the next one: under a second's work is not worth it."""


class CatalogIndex:
    """Answers from the vectors of ``space`` that the catalog holds. Safe to share between threads."""

    def __init__(self, catalog: Catalog, space: SpaceRow, notice: Notice) -> None:
        """Use :func:`open_index`."""
        self._catalog = catalog
        self._space = space
        self._notice = notice
        self._lock = threading.RLock()
        self._index: VectorIndex
        self._stamp: IndexStamp
        self._unsaved: int
        self._seen: int | None = None
        self._path = index_path(catalog.library, space.id, space.name)
        self._file = file_identity(self._path)
        with catalog.engine.connect() as connection:
            self._start_over(connection)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def unsaved(self) -> int:
        """Rows of the catalog taken in, or followed out, since the file was read or written."""
        return self._unsaved

    @property
    def stamp(self) -> IndexStamp:
        """What it covers now."""
        return self._stamp

    @property
    def outgrown(self) -> bool:
        """Whether an approximate index, or one with more lists, would answer quicker."""
        return wants_training(len(self), self._space.dim, self._stamp.trained)

    def search(
        self, queries: Float32Array, k: int, allowed: Selection | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """The ``k`` best of each query; see :meth:`retrieval.store.vectors.VectorIndex.search`.

        Every score is that of the catalog's own vector, whatever the index made of it.
        """
        with self._lock:
            index = self._index
            scores, ids = index.search(queries, k if index.exact else max(k, FOUND_LEAST), allowed)
        if not index.exact:
            scores, ids = self._ranked(queries, ids)
        return scores[:, :k], ids[:, :k]

    def _ranked(self, queries: Float32Array, ids: Int64Array) -> tuple[Float32Array, Int64Array]:
        """``ids`` ``[n, k]`` by their own vectors; one that the catalog no longer holds leaves an empty place."""
        known, scored = self._scored(queries, np.unique(ids[ids != NO_VECTOR]))
        if not len(known):
            return np.full(ids.shape, -np.inf, np.float32), np.full(ids.shape, NO_VECTOR, np.int64)
        at = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        scores = np.take_along_axis(scored, at, axis=1)
        return best_first(scores, np.where(known[at] == ids, ids, NO_VECTOR))

    def _scored(self, queries: Float32Array, ids: Int64Array) -> tuple[Int64Array, Float32Array]:
        """Those of ``ids`` that the catalog holds, ascending, and their scores ``[n, ids]``.

        Some thousands of vectors are held at a time: whoever turns pages far asks of hundreds of thousands.
        """
        found = [(np.empty(0, np.int64), np.empty((len(queries), 0), np.float32))]
        with self._catalog.engine.connect() as connection:
            for start in range(0, len(ids), _SCORED_AT_ONCE):
                known, vectors = vectors_of(connection, self._space, ids[start : start + _SCORED_AT_ONCE])
                order = np.argsort(known)
                found.append((known[order], (queries @ vectors.T)[:, order]))
        return np.concatenate([known for known, _ in found]), np.concatenate([scores for _, scores in found], axis=1)

    def refresh(self) -> None:
        """Take in what was committed since, and a better file that was written since; cheap when there is nothing."""
        with self._lock:
            version = self._catalog.version()
            self._take_over_new_file()
            if version is not None and version == self._seen:
                return
            with self._catalog.engine.connect() as connection:
                counted = self._seen is None or len(self) < COUNTED_BELOW
                if not _is_current(connection, self._stamp, counted=counted):
                    self._follow_deletions(connection)
                self._catch_up(connection)
            self._seen = version

    def _take_over_new_file(self) -> None:
        identity = file_identity(self._path)
        if identity is not None and identity != self._file:
            self.read_file(news=False)
            self._seen = None

    def save(self, *, wait: bool = True) -> None:
        """Write the index file, under the library's index lock; unless something was removed from the catalog since
        it was brought up to it, which must not come back to the disk.

        Raises:
            LibraryBusyError: another process is saving one, and ``wait`` is False.
            LibraryError: the disk is full or can't be written.
        """
        with self._lock, self._catalog.index_lock(wait=wait):
            with self._catalog.engine.connect() as connection:
                if not _is_current(connection, self._stamp):
                    return
            write_index_file(self._path, self._stamp, self._index.write)
            self._file = file_identity(self._path)
            self._unsaved = 0

    def save_if_free(self) -> bool:
        """Save unless another process is saving or the library can't be written; whether it was saved."""
        try:
            self.save(wait=False)
        except LibraryError:  # A searcher loses nothing: the next one adds the same rows again.
            return False
        return True

    def read_file(self, *, may_be_new: bool = False, news: bool = True) -> None:
        """Take over the saved index if it is whole and true to the catalog; say why when it is not.

        With ``may_be_new`` its absence is no news: the first run of a library has none. Without ``news`` nothing is:
        an index that covers all is in use already.
        """
        try:
            self._file = file_identity(self._path)
            stamp, content = open_index_file(self._path)
            with self._catalog.engine.connect() as connection:
                self._check_stamp(connection, stamp)
            index: VectorIndex
            index = IvfIndex.read(content, stamp.probes) if stamp.trained else FlatIndex.read(content)
            if (len(index), index.dim) != (stamp.count, stamp.dim):
                raise IndexFileError(f"{self._path} does not hold what its stamp says")
        except FileNotFoundError:
            if news and not may_be_new:
                self._say("missing")
        except (IndexFileError, OSError) as error:
            if news:
                self._say(str(error))
        else:
            self._index, self._stamp, self._unsaved = index, stamp, 0

    def _say(self, reason: str) -> None:
        with self._catalog.engine.connect() as connection:
            rows = count_rows(connection, self._space.id)
        if rows:
            self._notice(
                f"the vector index of {self._space.name} is rebuilt from the catalog, {rows:,} vectors: {reason}"
            )

    def _check_stamp(self, connection: Connection, stamp: IndexStamp) -> None:
        """Raises IndexFileError when the file was made for another catalog, space or state than this."""
        mine = self._stamp
        if (stamp.catalog_id, stamp.space_id, stamp.space_version, stamp.dim) != (
            mine.catalog_id,
            mine.space_id,
            mine.space_version,
            mine.dim,
        ):
            raise IndexFileError("it was made for another library or space")
        if not covers(connection, stamp.epoch, stamp.highest_vector_id):
            raise IndexFileError("the catalog was restored from a backup since it was made")

    def _start_over(self, connection: Connection) -> None:
        settings = catalog_settings(connection)
        self._index = FlatIndex(self._space.dim)
        self._unsaved = 0
        self._stamp = IndexStamp(
            catalog_id=settings["catalog_id"],
            space_id=self._space.id,
            space_version=self._space.version,
            dim=self._space.dim,
            deletions=int(settings["deletions"]),
            highest_vector_id=0,
            count=0,
            skipped=0,
            epoch="",
        )

    def _follow_deletions(self, connection: Connection) -> None:
        """Remove what the catalog no longer holds; where that does not explain the difference, start over."""
        if not covers(connection, self._stamp.epoch, self._stamp.highest_vector_id):
            self._start_over(connection)
            return
        live = vector_ids(connection, self._space.id, self._stamp.highest_vector_id)
        before = len(self._index)
        self._index.keep(Selection.of(live))
        skipped = len(live) - len(self._index)
        if not 0 <= skipped <= self._stamp.skipped:
            self._start_over(connection)
            return
        deletions = int(catalog_settings(connection)["deletions"])
        self._stamp = replace(self._stamp, deletions=deletions, count=len(self._index), skipped=skipped)
        self._unsaved += max(1, before - len(self._index))

    def _catch_up(self, connection: Connection) -> None:
        skipped = 0
        for rows in rows_above(connection, self._space.id, self._stamp.highest_vector_id):
            ids, vectors = finite_vectors(rows, self._space.dim)
            self._index.add(ids, vectors)
            skipped += len(rows) - len(ids)
            self._advance(int(rows[-1].vector_id), len(rows) - len(ids), len(rows))
            self._stamp = replace(self._stamp, epoch=epoch_at(connection, self._stamp.highest_vector_id))
        if skipped:
            self._notice(
                f"{skipped:,} vectors of {self._space.name} in the catalog are damaged and left out; "
                "restore the catalog from a backup, or index into a new library"
            )

    def _advance(self, highest_vector_id: int, skipped: int, seen: int) -> None:
        self._stamp = replace(
            self._stamp,
            highest_vector_id=highest_vector_id,
            count=len(self._index),
            skipped=self._stamp.skipped + skipped,
        )
        self._unsaved += seen


def open_index(
    catalog: Catalog, space: SpaceRow, *, save: bool = False, notice: Notice = lambda line: None
) -> CatalogIndex:
    """The index of ``space``, covering every vector that is committed now.

    A file that is missing, stale, damaged or of another library is not used: the index is rebuilt from the
    catalog, and ``notice`` is told in one line. With ``save`` an index that took in more than ``SAVED_PAST``
    rows is written for the next process, unless another one is writing or the library can't be written.

    Raises:
        LibraryError: the catalog can't be read.
    """
    index = CatalogIndex(catalog, space, notice)
    index.read_file()
    index.refresh()
    if save and index.unsaved > SAVED_PAST:
        index.save_if_free()
    return index


def _is_current(connection: Connection, stamp: IndexStamp, *, counted: bool = True) -> bool:
    """Whether nothing that ``stamp`` covers was removed or is another vector by now: the count of deletions and the
    epoch say so, and, where they are ``counted``, the rows bear it out."""
    if int(catalog_settings(connection)["deletions"]) != stamp.deletions:
        return False
    if not covers(connection, stamp.epoch, stamp.highest_vector_id):
        return False
    if not counted:
        return True
    return count_rows(connection, stamp.space_id, up_to=stamp.highest_vector_id) == stamp.count + stamp.skipped
