"""What an index run reads and writes: files found, work that is missing, results and failures.

Every method is one transaction, so that a kill at any instant leaves each either wholly done or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from retrieval.paths import display_of
from retrieval.store.arrears import Expert, lacking_experts, lacks_track
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.conditions import under
from retrieval.store.descriptions import words_follow
from retrieval.store.epochs import begin_epoch
from retrieval.store.lost_tracks import LostTrack, forget_tracks
from retrieval.store.parts import is_left_to_main
from retrieval.store.results import (
    LOOK_STAGE,
    FailureRecord,
    MediaRecord,
    TrackRecord,
    finish_assets,
    link_files,
    write_failures,
    write_media,
    write_tracks,
)
from retrieval.store.schema import Asset, Failure, File, Part, Result, Root, Segment, Segmentation, Track
from retrieval.store.tracks import StoredTrack, pack_track, read_track
from retrieval.types import FeatureTrack, Float32Array, MediaKind

__all__ = [
    "Expert",
    "FoundFile",
    "Intake",
    "KnownAsset",
    "KnownFile",
    "PendingFile",
]

_PATHS_PER_QUERY = 500
_ROOTS_PER_QUERY = 100
_DISPLAY_MOST = 8192

_T = TypeVar("_T")


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
    """A file with work left. ``asset_id`` is what it held when it was last read."""

    id: int
    path: bytes
    kind: str
    asset_id: int | None


@dataclass(frozen=True, slots=True)
class KnownAsset:
    """Content that the catalog knows."""

    id: int
    needs_decoding: bool
    """It has no track that the space could be computed from, though it was cut this way or has no result there."""
    lacking: frozenset[Expert] = frozenset()
    """The experts over time that have not said anything of it yet; none of a picture."""


class Intake:
    """The indexer's side of the catalog. The caller holds the write lock."""

    def __init__(self, catalog: Catalog, segmentation: tuple[str, str], time_experts: Sequence[Expert] = ()) -> None:
        """``segmentation`` is the (method, version) under which segments are kept; of every video and sound a track of
        each of ``time_experts`` is wanted."""
        self._catalog = catalog
        self._engine = catalog.engine
        self._segmentation = segmentation
        self._time_experts = tuple(time_experts)
        self._has_epoch = False

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
            for chunk in chunks(paths, _PATHS_PER_QUERY):
                rows = connection.execute(select(*columns).where(File.path.in_(chunk)))
                found.update({row.path: KnownFile(*row) for row in rows})
        return found

    def take_in(
        self, new: Sequence[FoundFile], changed: Sequence[tuple[int, FoundFile]], back: Sequence[int]
    ) -> list[int]:
        """New files, changed ones (their content is to be read again), and missing ones that returned as they were.

        Returns the ids of the new files.
        """
        with self._engine.begin() as connection:
            made = _insert_files(connection, new)
            if changed:
                _update_files(connection, changed)
            if back:
                with words_follow(connection, back):
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
                for row in connection.execute(select(File.id, File.path).where(File.present, under(root)))
            )

    def count_present_under(self, root: bytes) -> int:
        """How many files the catalog believes present at ``root`` or below it."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(File).where(File.present, under(root))) or 0

    def mark_missing(self, file_ids: Sequence[int]) -> None:
        """Hide files that are gone. Nothing of theirs is removed."""
        with self._engine.begin() as connection:
            if file_ids:
                with words_follow(connection, file_ids):
                    connection.execute(
                        update(File).where(File.id == bindparam("gone")).values(present=False),
                        [{"gone": file_id} for file_id in file_ids],
                    )

    # -- work that is missing --------------------------------------------------------------------------------

    def pending(self, roots: Sequence[bytes], space: SpaceRow, tried_with: str, *, retry: bool) -> list[int]:
        """Ids of the files under ``roots`` that have work left, pictures first, then in the order they were found.

        Work left: its content is to be read, or its asset has no result in ``space``, or lacks an expert's track. A
        file that failed for good is left out while ``tried_with`` stays the same, unless ``retry``; one that can't be
        read by its look, always; and a part, while its main file can be used.
        """
        finished = exists().where(Result.asset_id == File.asset_id, Result.space_id == space.id)
        statement = select(File.kind != MediaKind.PICTURE.value, File.id).where(
            File.present,
            or_(File.needs_reading, File.asset_id.is_(None), ~finished, lacks_track(self._time_experts)),
            ~_is_blocked(),
            ~is_left_to_main(),
        )
        if not retry:
            statement = statement.where(~_failed_for_good(tried_with))
        found: set[tuple[bool, int]] = set()
        with self._engine.connect() as connection:
            for chunk in chunks(roots, _ROOTS_PER_QUERY):
                found.update((row[0], row[1]) for row in connection.execute(statement.where(under_any(chunk))))
        return [file_id for _, file_id in sorted(found)]

    def failed_for_good(self, roots: Sequence[bytes], tried_with: str) -> int:
        """How many present files under ``roots`` failed for good and are left alone."""
        statement = select(File.id).where(File.present, _failed_for_good(tried_with))
        found: set[int] = set()
        with self._engine.connect() as connection:
            for chunk in chunks(roots, _ROOTS_PER_QUERY):
                found.update(connection.scalars(statement.where(under_any(chunk))))
        return len(found)

    def files(self, ids: Sequence[int]) -> list[PendingFile]:
        """The rows of ``ids``, in that order."""
        columns = (File.id, File.path, File.kind, File.asset_id)
        with self._engine.connect() as connection:
            rows = {row.id: PendingFile(*row) for row in connection.execute(select(*columns).where(File.id.in_(ids)))}
        return [rows[file_id] for file_id in ids if file_id in rows]

    def assets_by_hash(self, hashes: Sequence[bytes], space: SpaceRow, expert: Expert) -> dict[bytes, KnownAsset]:
        """The assets of contents that were seen before."""
        finished = exists().where(Result.asset_id == Asset.id, Result.space_id == space.id)
        needs_decoding = (~finished | self._is_cut()) & ~self._has_track(expert)
        statement = select(Asset.content_hash, Asset.id, needs_decoding).where(Asset.content_hash.in_(hashes))
        with self._engine.connect() as connection:
            rows = connection.execute(statement).all()
            lacking = lacking_experts(connection, [row[1] for row in rows], self._time_experts)
        return {row[0]: KnownAsset(row[1], row[2], lacking.get(row[1], frozenset())) for row in rows}

    def unembedded(self, space: SpaceRow, expert: Expert, after: int, limit: int) -> list[tuple[int, StoredTrack]]:
        """Assets above id ``after`` without a result in ``space``, with the track that it can be computed from."""
        finished = exists().where(Result.asset_id == Asset.id, Result.space_id == space.id)
        columns = (Asset.id, Track.count, Track.dim, Track.times, Track.features, Track.path)
        statement = (
            select(*columns)
            .join(Track, and_(Track.asset_id == Asset.id, Track.expert == expert[0], Track.version == expert[1]))
            .where(Asset.id > after, ~finished, self._has_track(expert))
            .order_by(Asset.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [(row[0], StoredTrack(*row[1:])) for row in connection.execute(statement)]

    def read_track(self, stored: StoredTrack) -> FeatureTrack:
        """The features of a track. Raises LibraryError where its file is missing or damaged."""
        return read_track(stored, self._catalog.library)

    def forget_track(self, asset_id: int, expert: Expert) -> None:
        """A track can't be read any more: its row goes, so that the asset is decoded again."""
        self.forget_tracks([LostTrack(asset_id, expert[1])])

    def forget_tracks(self, lost: Sequence[LostTrack]) -> None:
        """The same of many; their assets stay finished where they are."""
        with self._engine.begin() as connection:
            forget_tracks(connection, lost)

    def _has_track(self, expert: Expert) -> ColumnElement[bool]:
        """The asset was cut this way, and its track has a row for each segment."""
        method, version = self._segmentation
        segments = (
            select(func.count(Segment.id))
            .select_from(Segmentation)
            .outerjoin(Segment, Segment.segmentation_id == Segmentation.id)
            .where(Segmentation.asset_id == Asset.id, Segmentation.method == method, Segmentation.version == version)
            .group_by(Segmentation.id)
            .correlate(Asset)
            .scalar_subquery()
        )
        kept = aliased(Track)
        return (
            exists()
            .where(kept.asset_id == Asset.id, kept.expert == expert[0], kept.version == expert[1])
            .where(kept.count == segments)
            .correlate(Asset)
        )

    def _is_cut(self) -> ColumnElement[bool]:
        """The asset has segments of this cut: there was a track."""
        method, version = self._segmentation
        return (
            exists()
            .where(Segmentation.asset_id == Asset.id, Segment.segmentation_id == Segmentation.id)
            .where(Segmentation.method == method, Segmentation.version == version)
            .correlate(Asset)
        )

    def assets_of(self, file_ids: Sequence[int]) -> dict[int, int]:
        """The asset of each file that has one."""
        found: dict[int, int] = {}
        with self._engine.connect() as connection:
            for chunk in chunks(file_ids, _PATHS_PER_QUERY):
                columns = select(File.id, File.asset_id).where(File.id.in_(chunk))
                found.update({row[0]: row[1] for row in connection.execute(columns) if row[1] is not None})
        return found

    def mains_of(self, file_ids: Sequence[int]) -> dict[int, int]:
        """For those of these files that are parts, the id of the file that each belongs to."""
        found: dict[int, int] = {}
        with self._engine.connect() as connection:
            for chunk in chunks(file_ids, _PATHS_PER_QUERY):
                columns = select(Part.file_id, Part.main_file_id).where(Part.file_id.in_(chunk))
                found.update({row[0]: row[1] for row in connection.execute(columns)})
        return found

    def present_files_of(self, asset_ids: Sequence[int]) -> Iterator[tuple[int, int]]:
        """(asset id, file id) of every file of ``asset_ids`` that is believed present."""
        with self._engine.connect() as connection:
            for chunk in chunks(asset_ids, _PATHS_PER_QUERY):
                columns = select(File.asset_id, File.id).where(File.present, File.asset_id.in_(chunk))
                yield from ((row[0], row[1]) for row in connection.execute(columns) if row[0] is not None)

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
        with self._writing_vectors() as connection:
            asset_ids = write_media(connection, space, self._segmentation, records, packed)
            write_failures(connection, failures)
        return asset_ids

    def add_tracks(self, records: Sequence[TrackRecord]) -> list[int]:
        """One batch: what experts over time say of contents that are known; their files are linked to them.

        Returns the asset id of each record.
        """
        packed = [self._pack(record) for record in records]
        with self._engine.begin() as connection:
            return write_tracks(connection, records, packed)

    def wrongly_cut(self, records: Sequence[MediaRecord]) -> set[bytes]:
        """Contents that were cut into another number of segments before, by the same method and version."""
        method, version = self._segmentation
        statement = (
            select(Asset.content_hash, func.count(Segment.id))
            .join(Segmentation, Segmentation.asset_id == Asset.id)
            .outerjoin(Segment, Segment.segmentation_id == Segmentation.id)
            .where(Asset.content_hash.in_([record.content_hash for record in records]))
            .where(Segmentation.method == method, Segmentation.version == version)
            .group_by(Asset.content_hash)
        )
        with self._engine.connect() as connection:
            counts = {row[0]: row[1] for row in connection.execute(statement)}
        return {
            record.content_hash
            for record in records
            if counts.get(record.content_hash, len(record.segments)) != len(record.segments)
        }

    def embed(self, space: SpaceRow, vectors: Mapping[int, Float32Array]) -> None:
        """Finish known assets in ``space``, each with a vector ``[n, d]`` for each of its segments, in their order."""
        with self._writing_vectors() as connection:
            finish_assets(connection, space, self._segmentation, vectors)

    @contextmanager
    def _writing_vectors(self) -> Iterator[Connection]:
        """One transaction; the first of this intake begins an epoch."""
        with self._engine.begin() as connection:
            if not self._has_epoch:
                begin_epoch(connection)
            yield connection
        self._has_epoch = True

    def _pack(self, record: MediaRecord | TrackRecord) -> dict[tuple[str, str], StoredTrack]:
        return {
            (expert, version): pack_track(
                track, self._catalog.library, f"{record.content_hash.hex()}-{expert.replace('/', '_')}-{version}"
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
        "needs_reading": True,
    }


def _insert_files(connection: Connection, files: Sequence[FoundFile]) -> list[int]:
    if not files:
        return []
    table = File.metadata.tables[File.__tablename__]
    rows = [_file_values(file) | {"display": display_of(file.path)[:_DISPLAY_MOST]} for file in files]
    return list(connection.scalars(insert(table).returning(table.c.id), rows))


def _update_files(connection: Connection, files: Sequence[tuple[int, FoundFile]]) -> None:
    """All at once: a drive that gives its files other inodes each time that it is mounted changes every one."""
    rows = [{f"new_{name}": value for name, value in _file_values(file).items()} for _, file in files]
    values: dict[str, BindParameter[object]] = {name.removeprefix("new_"): bindparam(name) for name in rows[0]}
    statement = update(File.__table__).where(File.id == bindparam("changed"))  # type: ignore[arg-type]
    connection.execute(
        statement.values(**values), [row | {"changed": id_} for row, (id_, _) in zip(rows, files, strict=True)]
    )
    for chunk in chunks([file_id for file_id, _ in files], _PATHS_PER_QUERY):
        connection.execute(delete(Failure).where(Failure.file_id.in_(chunk)))
        connection.execute(delete(Part).where(Part.file_id.in_(chunk)))  # it may be no such clip any more


def _failed_for_good(tried_with: str) -> ColumnElement[bool]:
    return exists().where(Failure.file_id == File.id, Failure.permanent, Failure.tried_with == tried_with)


def _is_blocked() -> ColumnElement[bool]:
    return exists().where(Failure.file_id == File.id, Failure.stage == LOOK_STAGE)


def chunks(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Slices of at most ``size``: a statement takes only so many parameters."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def under_any(roots: Sequence[bytes]) -> ColumnElement[bool]:
    """Files at or below one of ``roots``."""
    return or_(*map(under, roots))
