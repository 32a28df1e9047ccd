"""What an index run reads and writes: files found, work that is missing, results and failures.

Every method is one transaction, so that a kill at any instant leaves each either wholly done or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from retrieval.paths import display_of
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.results import (
    FailureRecord,
    MediaRecord,
    finish_asset,
    link_files,
    write_failures,
    write_media,
)
from retrieval.store.schema import Asset, Failure, File, Result, Root, Track
from retrieval.store.tracks import StoredTrack, pack_track, read_track
from retrieval.types import FeatureTrack, Float32Array

__all__ = [
    "FoundFile",
    "Intake",
    "KnownAsset",
    "KnownFile",
    "PendingFile",
]

_PATHS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as the scan sees it."""

    path: bytes
    kind: str
    size_bytes: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the catalog remembers it."""

    id: int
    path: bytes
    size_bytes: int
    modified_ns: int
    inode: str
    present: bool

    def is_same_as(self, found: FoundFile) -> bool:
        """Nothing about the file says that its content may differ."""
        return (self.size_bytes, self.modified_ns, self.inode) == (
            found.size_bytes,
            found.modified_ns,
            str(found.inode),
        )


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file whose content has not been read, or whose asset is unfinished in a space."""

    id: int
    path: bytes
    kind: str
    size_bytes: int
    modified_ns: int
    inode: str
    asset_id: int | None


@dataclass(frozen=True, slots=True)
class KnownAsset:
    """Content that the catalog knows."""

    id: int
    is_finished: bool


class Intake:
    """The indexer's side of the catalog. The caller holds the write lock."""

    def __init__(self, catalog: Catalog, segmentation: tuple[str, str]) -> None:
        """``segmentation`` is the (method, version) under which segments are kept."""
        self._catalog = catalog
        self._engine = catalog.engine
        self._segmentation = segmentation

    # -- what the scan found -------------------------------------------------------------------------------

    def add_roots(self, roots: Iterable[bytes]) -> None:
        """Remember the paths that somebody asked to be indexed."""
        with self._engine.begin() as connection:
            for path in roots:
                if connection.scalar(select(Root.id).where(Root.path == path)) is None:
                    connection.execute(insert(Root).values(path=path))

    def known(self, paths: Sequence[bytes]) -> dict[bytes, KnownFile]:
        """What the catalog remembers of ``paths``."""
        columns = (File.id, File.path, File.size_bytes, File.modified_ns, File.inode, File.present)
        found: dict[bytes, KnownFile] = {}
        with self._engine.connect() as connection:
            for start in range(0, len(paths), _PATHS_PER_QUERY):
                chunk = paths[start : start + _PATHS_PER_QUERY]
                rows = connection.execute(select(*columns).where(File.path.in_(chunk)))
                found.update({row.path: KnownFile(*row) for row in rows})
        return found

    def take_in(
        self, new: Sequence[FoundFile], changed: Sequence[tuple[int, FoundFile]], back: Sequence[int]
    ) -> list[int]:
        """New files, changed ones (their content must be read again), and missing ones that returned as they were.

        Returns the ids of the new files.
        """
        with self._engine.begin() as connection:
            made = _insert_files(connection, new)
            for file_id, file in changed:
                connection.execute(update(File).where(File.id == file_id).values(asset_id=None, **_file_values(file)))
                connection.execute(delete(Failure).where(Failure.file_id == file_id))
            if back:
                connection.execute(
                    update(File).where(File.id == bindparam("returned")).values(present=True),
                    [{"returned": file_id} for file_id in back],
                )
        return made

    def present_under(self, root: bytes) -> Iterator[tuple[int, bytes]]:
        """(id, path) of every file that the catalog believes present at ``root`` or below it."""
        with self._engine.connect() as connection:
            yield from (
                (row.id, row.path)
                for row in connection.execute(select(File.id, File.path).where(File.present, _under(root)))
            )

    def mark_missing(self, file_ids: Sequence[int]) -> None:
        """Hide files that are gone. Nothing of theirs is removed."""
        with self._engine.begin() as connection:
            if file_ids:
                connection.execute(
                    update(File).where(File.id == bindparam("gone")).values(present=False),
                    [{"gone": file_id} for file_id in file_ids],
                )

    # -- work that is missing --------------------------------------------------------------------------------

    def pending(self, roots: Sequence[bytes], space: SpaceRow, tried_with: str, *, retry: bool) -> list[int]:
        """Ids of the files under ``roots`` that have work left, pictures first, then in the order they were found.

        Work left: its content was never read, or its asset has no result in ``space``. A file that failed for
        good is left out while ``tried_with`` stays the same, unless ``retry``.
        """
        finished = exists().where(Result.asset_id == File.asset_id, Result.space_id == space.id)
        statement = select(File.id).where(
            File.present, or_(*map(_under, roots)), or_(File.asset_id.is_(None), ~finished)
        )
        if not retry:
            failed = exists().where(
                Failure.file_id == File.id, Failure.permanent, Failure.tried_with == tried_with, Failure.stage != "scan"
            )
            statement = statement.where(~failed)
        with self._engine.connect() as connection:
            return list(connection.scalars(statement.order_by(File.kind != "picture", File.id)))

    def count_failed(self, roots: Sequence[bytes], tried_with: str) -> int:
        """How many present files under ``roots`` failed for good and are left alone."""
        failed = exists().where(
            Failure.file_id == File.id, Failure.permanent, Failure.tried_with == tried_with, Failure.stage != "scan"
        )
        statement = select(func.count()).select_from(File).where(File.present, or_(*map(_under, roots)), failed)
        with self._engine.connect() as connection:
            return connection.scalar(statement) or 0

    def files(self, ids: Sequence[int]) -> list[PendingFile]:
        """The rows of ``ids``, in that order."""
        columns = (File.id, File.path, File.kind, File.size_bytes, File.modified_ns, File.inode, File.asset_id)
        with self._engine.connect() as connection:
            rows = {row.id: PendingFile(*row) for row in connection.execute(select(*columns).where(File.id.in_(ids)))}
        return [rows[file_id] for file_id in ids if file_id in rows]

    def assets_by_hash(self, hashes: Sequence[bytes], space: SpaceRow) -> dict[bytes, KnownAsset]:
        """The assets of contents that were seen before, and whether each is finished in ``space``."""
        finished = exists().where(Result.asset_id == Asset.id, Result.space_id == space.id)
        statement = select(Asset.content_hash, Asset.id, finished).where(Asset.content_hash.in_(hashes))
        with self._engine.connect() as connection:
            return {row[0]: KnownAsset(row[1], row[2]) for row in connection.execute(statement)}

    def read_track(self, asset_id: int, expert: str, version: str) -> FeatureTrack | None:
        """The kept track of an asset, or None when that expert at that version has not seen it."""
        columns = (Track.count, Track.dim, Track.times, Track.features, Track.path)
        statement = select(*columns).where(Track.asset_id == asset_id, Track.expert == expert, Track.version == version)
        with self._engine.connect() as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else read_track(StoredTrack(*row), self._catalog.library)

    def twins(self, file_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
        """(file id, id of another file of the same asset that is believed present), for each of ``file_ids``."""
        other = aliased(File)
        statement = select(File.id, other.id).join(other, and_(other.asset_id == File.asset_id, other.id != File.id))
        with self._engine.connect() as connection:
            for start in range(0, len(file_ids), _PATHS_PER_QUERY):
                chunk = file_ids[start : start + _PATHS_PER_QUERY]
                rows = connection.execute(statement.where(other.present, File.id.in_(chunk)))
                yield from ((row[0], row[1]) for row in rows)

    # -- results ---------------------------------------------------------------------------------------------

    def link(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Give files, by (file id, asset id), the asset whose content they hold."""
        with self._engine.begin() as connection:
            link_files(connection, pairs)

    def write(self, space: SpaceRow, records: Sequence[MediaRecord], failures: Sequence[FailureRecord]) -> list[int]:
        """One batch: assets, segments, tracks, embeddings and results, with the failures met beside them.

        Returns the asset id of each record.
        """
        packed = [self._pack(record) for record in records]  # track files are safe on disk before rows speak of them
        with self._engine.begin() as connection:
            asset_ids = write_media(connection, space, self._segmentation, records, packed)
            write_failures(connection, failures)
        return asset_ids

    def embed(self, space: SpaceRow, asset_id: int, vectors: Float32Array) -> None:
        """Finish a known asset in ``space`` with a vector ``[n, d]`` for each of its segments, in their order."""
        with self._engine.begin() as connection:
            finish_asset(connection, space, self._segmentation, asset_id, vectors)

    def _pack(self, record: MediaRecord) -> dict[tuple[str, str], StoredTrack]:
        return {
            (expert, version): pack_track(
                track, self._catalog.library, f"{record.content_hash.hex()}-{expert}-{version}"
            )
            for (expert, version), track in record.tracks.items()
        }


def _file_values(file: FoundFile) -> dict[str, object]:
    return {
        "path": file.path,
        "kind": file.kind,
        "size_bytes": file.size_bytes,
        "modified_ns": file.modified_ns,
        "inode": str(file.inode),
        "present": True,
    }


def _insert_files(connection: Connection, files: Sequence[FoundFile]) -> list[int]:
    if not files:
        return []
    table = File.metadata.tables[File.__tablename__]
    rows = [_file_values(file) | {"display": display_of(file.path)} for file in files]
    return list(connection.scalars(insert(table).returning(table.c.id), rows))


def _under(root: bytes) -> ColumnElement[bool]:
    """Paths at or below ``root``: a range over the unique index, since bytes sort as they compare."""
    folder = root.rstrip(b"/") + b"/"
    return or_(File.path == root, and_(File.path >= folder, File.path < folder[:-1] + b"0"))
