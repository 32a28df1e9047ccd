"""Rows of sidecars: what stands in XMP files beside media, or why it can't be read. The caller holds the write lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, insert, or_, select

from retrieval.paths import display_of
from retrieval.store.catalog import Catalog
from retrieval.store.descriptions import row_of, words_follow
from retrieval.store.schema import File, Sidecar
from retrieval.types import Words

__all__ = ["FailedSidecar", "KnownSidecar", "SidecarKey", "SidecarRecord", "Sidecars", "failed_sidecars"]

SidecarKey = tuple[int, bytes]
"""The id of the file that it belongs to, and its own path. One sidecar may belong to several files."""

_KEYS_PER_QUERY = 200
_REASON_MOST = 1024
_NOT_READ = -1
"""The size of a sidecar that could not be read just now: no file has it, so it is read again at the next run."""


@dataclass(frozen=True, slots=True)
class KnownSidecar:
    """A sidecar as the catalog remembers it."""

    size_bytes: int
    modified_ns: int
    has_failed: bool


@dataclass(frozen=True, slots=True)
class SidecarRecord:
    """What was read of a sidecar, and its state then. ``reason`` is why nothing could be."""

    file_id: int
    path: bytes
    size_bytes: int
    modified_ns: int
    words: Words
    reason: str | None = None
    is_permanent: bool = True
    """Whether reading it again is useless until it changes."""


@dataclass(frozen=True, slots=True)
class FailedSidecar:
    """A sidecar of a present file that could not be read, and why."""

    path: bytes
    display: str
    reason: str


class Sidecars:
    """The indexer's side of the table."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def known(self, file_ids: Sequence[int]) -> dict[SidecarKey, KnownSidecar]:
        """The sidecars of these files."""
        columns = (Sidecar.file_id, Sidecar.path, Sidecar.size_bytes, Sidecar.modified_ns, Sidecar.reason)
        found: dict[SidecarKey, KnownSidecar] = {}
        with self._engine.connect() as connection:
            for chunk in _chunks(file_ids):
                for row in connection.execute(select(*columns).where(Sidecar.file_id.in_(chunk))):
                    known = KnownSidecar(row.size_bytes, row.modified_ns, row.reason is not None)
                    found[row.file_id, row.path] = known
        return found

    def write(self, records: Sequence[SidecarRecord]) -> None:
        """What was read takes the place of what was kept; the words of the assets follow."""
        keys = [(record.file_id, record.path) for record in records]
        with self._engine.begin() as connection:
            _delete(connection, keys)
            if records:
                connection.execute(insert(Sidecar), [_row(record) for record in records])
            with words_follow(connection, [file_id for file_id, _ in keys]):
                pass

    def remove(self, keys: Sequence[SidecarKey]) -> None:
        """These sidecars are gone; so are their words."""
        with self._engine.begin() as connection, words_follow(connection, [file_id for file_id, _ in keys]):
            _delete(connection, keys)


def _delete(connection: Connection, keys: Sequence[SidecarKey]) -> None:
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        chunk = keys[start : start + _KEYS_PER_QUERY]
        named = [and_(Sidecar.file_id == file_id, Sidecar.path == path) for file_id, path in chunk]
        connection.execute(delete(Sidecar).where(or_(*named)))


def _row(record: SidecarRecord) -> dict[str, object]:
    is_final = record.reason is None or record.is_permanent
    return {
        "file_id": record.file_id,
        "path": record.path,
        "size_bytes": record.size_bytes if is_final else _NOT_READ,
        "modified_ns": record.modified_ns,
        "reason": None if record.reason is None else record.reason[:_REASON_MOST],
        **row_of(record.words),
    }


def failed_sidecars(connection: Connection, most: int | None = None) -> list[FailedSidecar]:
    """Those of present files, each once, in the order of their paths: the first ``most``, or all."""
    statement = (
        select(Sidecar.path, func.max(Sidecar.reason).label("reason"))
        .join(File, File.id == Sidecar.file_id)
        .where(File.present, Sidecar.reason.is_not(None))
        .group_by(Sidecar.path)
        .order_by(Sidecar.path)
        .limit(most)
    )
    return [FailedSidecar(path, display_of(path), str(reason)) for path, reason in connection.execute(statement)]


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]
