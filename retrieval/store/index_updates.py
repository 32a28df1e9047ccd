"""Writes the index file of a space: brought up to the catalog, rebuilt from it, or trained anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection

from retrieval.errors import IndexFileError, LibraryBusyError, LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.embedding_rows import (
    catalog_settings,
    count_rows,
    finite_vectors,
    rows_above,
    vector_ids,
    vectors_of,
)
from retrieval.store.epochs import epoch_at
from retrieval.store.faiss_index import SAVED_PAST, CatalogIndex, Notice, open_index
from retrieval.store.index_choice import is_small, wants_training
from retrieval.store.index_file import IndexStamp, index_path, read_stamp, write_index_file
from retrieval.store.ivf_index import IvfIndex
from retrieval.store.ivf_training import POINTS_PER_LIST, lists_for, train_ivf
from retrieval.store.selection import Selection
from retrieval.store.vectors import Int64Array
from retrieval.types import Float32Array

__all__ = ["TuningQueries", "rebuild_index", "train_index", "update_index"]

TuningQueries = Callable[[], Float32Array]
"""Vectors ``[n, dim]`` of texts, which lie apart from those of pictures: an index is tuned by both."""

_NEW_SHARE = 0.1
"""In the middle of a run the index is saved when it grew by so much: all savings together write 11 times its size."""
_OWN_QUERIES = 128
"""Of the library's own vectors, that stand for pictures as queries."""


def update_index(
    catalog: Catalog,
    space: SpaceRow,
    notice: Notice = lambda line: None,
    *,
    if_worthwhile: bool = False,
    queries: TuningQueries | None = None,
) -> None:
    """Bring the saved index of ``space`` up to the catalog; train it when it has outgrown its kind.

    With ``if_worthwhile``, which is for the middle of a run, that is put off while a searcher could add what is new
    in about a second, or it is little beside what the file covers: writing all of it again would cost more. Nothing is
    trained then.

    A disk that is full costs nothing but time, so it is a notice: the next opening adds the same rows again.
    """
    if if_worthwhile and not _is_worthwhile(catalog, space):
        return
    if not if_worthwhile and _is_outgrown(catalog, space):
        with suppress(LibraryBusyError):  # another process trains it
            _told(notice, lambda: train_index(catalog, space, queries))
            return
    index = CatalogIndex(catalog, space, notice)
    index.read_file(may_be_new=True)
    index.refresh()
    if index.unsaved:
        _told(notice, index.save)


def _told(notice: Notice, work: Callable[[], None]) -> None:
    try:
        work()
    except LibraryBusyError:
        raise
    except LibraryError as error:
        notice(str(error))


def rebuild_index(
    catalog: Catalog,
    space: SpaceRow,
    notice: Notice = lambda line: None,
    *,
    queries: TuningQueries | None = None,
) -> CatalogIndex:
    """The index of ``space``, made from the catalog alone and saved.

    Raises:
        LibraryBusyError: another process is training it.
        LibraryError: the disk is full or can't be written.
    """
    with catalog.engine.connect() as connection:
        count = count_rows(connection, space.id)
    if not is_small(count, space.dim):
        train_index(catalog, space, queries)
        return open_index(catalog, space, notice=notice)
    index = CatalogIndex(catalog, space, notice)
    index.refresh()
    index.save()
    return index


def train_index(
    catalog: Catalog, space: SpaceRow, queries: TuningQueries | None = None, threads: int | None = None
) -> None:
    """Train an approximate index of every vector that is committed now, and put it in the old one's place.

    The old one answers until then. Of a kill at any instant nothing is left but a part-file, which is swept.

    Raises:
        LibraryBusyError: another process is training.
        LibraryError: the disk is full or can't be written.
    """
    with catalog.training_lock():
        with catalog.engine.connect() as connection:
            ids = vector_ids(connection, space.id, 2**63 - 1)
            sample = _sample(connection, space, ids)
            if not len(sample):
                return
            asked = [sample[:: max(1, len(sample) // _OWN_QUERIES)][:_OWN_QUERIES].copy()]
            asked += [queries()] if queries else []
            rows = _all_rows(connection, space, int(ids[-1]))
            index, probes = train_ivf(sample, len(ids), rows, tuple(asked), threads)
            settings = catalog_settings(connection)
            stamp = IndexStamp(
                catalog_id=settings["catalog_id"],
                space_id=space.id,
                space_version=space.version,
                dim=space.dim,
                deletions=int(settings["deletions"]),
                highest_vector_id=int(ids[-1]),
                count=len(index),
                skipped=len(ids) - len(index),
                epoch=epoch_at(connection, int(ids[-1])),
                trained=len(index),
                probes=tuple(probes),
            )
        with catalog.index_lock(wait=True):  # another's saving takes a moment, and minutes of training would be lost
            with catalog.engine.connect() as connection:
                stamp = _without_removed(connection, index, stamp)
            write_index_file(index_path(catalog.library, space.id, space.name), stamp, index.write)


def _without_removed(connection: Connection, index: IvfIndex, stamp: IndexStamp) -> IndexStamp:
    """What was forgotten while ``index`` was trained leaves it, and never comes back to the disk; its stamp then."""
    deletions = int(catalog_settings(connection)["deletions"])
    if deletions == stamp.deletions:
        return stamp
    live = vector_ids(connection, stamp.space_id, stamp.highest_vector_id)
    index.keep(Selection.of(live))
    return replace(stamp, deletions=deletions, count=len(index), skipped=len(live) - len(index))


def _sample(connection: Connection, space: SpaceRow, ids: Int64Array) -> Float32Array:
    """Some vectors ``[m, dim]`` from everywhere, in no order: enough for every list."""
    wanted = min(len(ids), POINTS_PER_LIST * lists_for(len(ids)))
    chosen = np.random.default_rng(0).choice(ids, wanted, replace=False) if wanted else ids
    return vectors_of(connection, space, chosen)[1]


def _all_rows(connection: Connection, space: SpaceRow, highest: int) -> Iterator[tuple[Int64Array, Float32Array]]:
    for rows in rows_above(connection, space.id, 0):
        ids, vectors = finite_vectors(rows, space.dim)
        assert rows[-1].vector_id <= highest  # one transaction sees one state
        yield ids, vectors


def _is_outgrown(catalog: Catalog, space: SpaceRow) -> bool:
    stamp = _stamp(catalog, space)
    with catalog.engine.connect() as connection:
        count = count_rows(connection, space.id)
    return wants_training(count, space.dim, stamp.trained if stamp else 0)


def _is_worthwhile(catalog: Catalog, space: SpaceRow) -> bool:
    """By the stamp alone: reading and checking a whole file is what is to be spared."""
    stamp = _stamp(catalog, space)
    with catalog.engine.connect() as connection:
        new = count_rows(connection, space.id, above=stamp.highest_vector_id if stamp else 0)
    return new > max(SAVED_PAST, _NEW_SHARE * (stamp.count if stamp else 0))


def _stamp(catalog: Catalog, space: SpaceRow) -> IndexStamp | None:
    try:
        return read_stamp(index_path(catalog.library, space.id, space.name))
    except (IndexFileError, OSError):
        return None
