"""The vector index of one space, kept true to the catalog: read when it is valid, added to, rebuilt when it is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection, Row, func, select

from retrieval.errors import IndexFileError, LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.epochs import covers, epoch_at
from retrieval.store.flat_index import FlatIndex
from retrieval.store.index_file import IndexStamp, index_path, open_index_file, read_stamp, write_index_file
from retrieval.store.schema import Embedding, Setting
from retrieval.store.vectors import Int64Array, VectorIndex
from retrieval.types import Float32Array

__all__ = ["SAVED_PAST", "CatalogIndex", "Notice", "open_index", "rebuild_index", "update_index"]

Notice = Callable[[str], None]
"""Takes one plain line for a person."""

SAVED_PAST = 4096
"""Vectors that a searcher adds before it saves the index for the next one: under a second's work is not worth it."""

_ROWS_PER_CHUNK = 4096
_NEW_SHARE = 0.1
"""In the middle of a run the index is saved when it grew by so much: all savings together write 11 times its size."""


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
        self._path = index_path(catalog.library, space.id, space.name)
        with catalog.engine.connect() as connection:
            self._start_over(connection)

    def __len__(self) -> int:
        return len(self._index)

    @property
    def unsaved(self) -> int:
        """Rows of the catalog taken in since the file was read or written."""
        return self._unsaved

    def search(
        self, queries: Float32Array, k: int, allowed: Int64Array | None = None
    ) -> tuple[Float32Array, Int64Array]:
        """The ``k`` best of each query; see :meth:`retrieval.store.vectors.VectorIndex.search`."""
        with self._lock:
            return self._index.search(queries, k, allowed)

    def refresh(self) -> None:
        """Take in what was committed since; cheap when there is nothing. Deletions rebuild it in memory."""
        with self._lock, self._catalog.engine.connect() as connection:
            if not _is_current(connection, self._stamp):
                self._start_over(connection)
            self._catch_up(connection)

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
            self._unsaved = 0

    def save_if_free(self) -> bool:
        """Save unless another process is saving or the library can't be written; whether it was saved."""
        try:
            self.save(wait=False)
        except LibraryError:  # A searcher loses nothing: the next one adds the same rows again.
            return False
        return True

    def read_file(self, *, may_be_new: bool = False) -> None:
        """Take over the saved index if it is whole and true to the catalog; say why when it is not.

        With ``may_be_new`` its absence is no news: the first run of a library has none.
        """
        try:
            with open_index_file(self._path) as (stamp, file), self._catalog.engine.connect() as connection:
                self._check_stamp(connection, stamp)
                index = FlatIndex.read(file)
            if (len(index), index.dim) != (stamp.count, stamp.dim):
                raise IndexFileError(f"{self._path} does not hold what its stamp says")
        except FileNotFoundError:
            if not may_be_new:
                self._say("missing")
        except (IndexFileError, OSError) as error:
            self._say(str(error))
        else:
            self._index, self._stamp = index, stamp

    def _say(self, reason: str) -> None:
        with self._catalog.engine.connect() as connection:
            rows = _count_up_to(connection, self._space.id, None)
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
        if not _is_current(connection, stamp):
            raise IndexFileError("something was removed from the catalog since it was made, or a backup was restored")

    def _start_over(self, connection: Connection) -> None:
        settings = _settings(connection)
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

    def _catch_up(self, connection: Connection) -> None:
        skipped = 0
        for rows in _rows_above(connection, self._space.id, self._stamp.highest_vector_id):
            ids, vectors = _finite_vectors(rows, self._space.dim)
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


def update_index(
    catalog: Catalog, space: SpaceRow, notice: Notice = lambda line: None, *, if_worthwhile: bool = False
) -> None:
    """Bring the saved index of ``space`` up to the catalog.

    With ``if_worthwhile``, which is for the middle of a run, that is put off while a searcher could add what is new
    in about a second, or it is little beside what the file covers: writing all of it again would cost more.

    A disk that is full costs nothing but time, so it is a notice: the next opening adds the same rows again.
    """
    if if_worthwhile and not _is_worthwhile(catalog, space):
        return
    index = CatalogIndex(catalog, space, notice)
    index.read_file(may_be_new=True)
    index.refresh()
    if index.unsaved:
        try:
            index.save()
        except LibraryError as error:
            notice(str(error))


def _is_worthwhile(catalog: Catalog, space: SpaceRow) -> bool:
    """By the stamp alone: reading and checking a whole file is what is to be spared."""
    try:
        stamp = read_stamp(index_path(catalog.library, space.id, space.name))
    except (IndexFileError, OSError):
        highest, covered = 0, 0
    else:
        highest, covered = stamp.highest_vector_id, stamp.count
    with catalog.engine.connect() as connection:
        above = select(func.count()).where(Embedding.space_id == space.id, Embedding.vector_id > highest)
        return connection.execute(above).scalar_one() > max(SAVED_PAST, _NEW_SHARE * covered)


def rebuild_index(catalog: Catalog, space: SpaceRow, notice: Notice = lambda line: None) -> CatalogIndex:
    """The index of ``space``, made from the catalog alone and saved.

    Raises:
        LibraryError: the disk is full or can't be written.
    """
    index = CatalogIndex(catalog, space, notice)
    index.refresh()
    index.save()
    return index


def _settings(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(Setting.key, Setting.value).where(Setting.key.in_(("catalog_id", "deletions"))))
    return {row.key: row.value for row in rows}


def _is_current(connection: Connection, stamp: IndexStamp) -> bool:
    """Whether nothing that ``stamp`` covers was removed or is another vector by now: the count of deletions and the
    epoch say so, and the rows bear it out."""
    if int(_settings(connection)["deletions"]) != stamp.deletions:
        return False
    if not covers(connection, stamp.epoch, stamp.highest_vector_id):
        return False
    return _count_up_to(connection, stamp.space_id, stamp.highest_vector_id) == stamp.count + stamp.skipped


def _count_up_to(connection: Connection, space_id: int, vector_id: int | None) -> int:
    statement = select(func.count()).where(Embedding.space_id == space_id)
    if vector_id is not None:
        statement = statement.where(Embedding.vector_id <= vector_id)
    return connection.execute(statement).scalar_one()


def _rows_above(connection: Connection, space_id: int, vector_id: int) -> Iterator[Sequence[Row[int, bytes]]]:
    columns = select(Embedding.vector_id, Embedding.vector).where(Embedding.space_id == space_id)
    while True:
        chunk = columns.where(Embedding.vector_id > vector_id).order_by(Embedding.vector_id).limit(_ROWS_PER_CHUNK)
        rows = connection.execute(chunk).all()
        if not rows:
            return
        yield rows
        vector_id = rows[-1].vector_id


def _finite_vectors(rows: Sequence[Row[int, bytes]], dim: int) -> tuple[Int64Array, Float32Array]:
    """Ids ``[n]`` and vectors ``[n, dim]`` of those rows that hold ``dim`` finite float16 numbers."""
    whole = [row for row in rows if len(row.vector) == 2 * dim]
    ids = np.array([row.vector_id for row in whole], np.int64)
    vectors = np.frombuffer(b"".join(row.vector for row in whole), "<f2").reshape(-1, dim).astype(np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    return ids[finite], vectors[finite]
