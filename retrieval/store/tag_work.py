"""What a tagging run reads and writes: the assets that a tagger has not seen, what it looks at, and its tags.

Every method is one transaction. The caller holds the write lock where it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, insert, or_, select

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.conditions import under
from retrieval.store.labels import label_ids, tagger_id
from retrieval.store.lost_tracks import LostTrack, forget_tracks
from retrieval.store.schema import (
    Asset,
    Embedding,
    File,
    Segment,
    Segmentation,
    SegmentTag,
    Space,
    Tag,
    Tagger,
    TagResult,
    Track,
)
from retrieval.store.tag_files import cuts_of, segments_at
from retrieval.store.tracks import StoredTrack, read_track
from retrieval.types import Float32Array, MediaKind

__all__ = ["AssetRows", "AssetTags", "PixelSource", "Source", "SpaceSource", "TagWork", "TrackSource"]

_IDS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class TrackSource:
    """A tagger looks at the kept tracks of an expert at one version, ``dim`` numbers a row."""

    expert: str
    dim: int
    version: str
    """The expert's own; tracks have behind it, after a ``+``, how the asset was cut."""


@dataclass(frozen=True, slots=True)
class SpaceSource:
    """A tagger looks at the vectors of a space at one version."""

    name: str
    version: str
    dim: int


@dataclass(frozen=True, slots=True)
class PixelSource:
    """A tagger looks at the files themselves; of one that changed since it was indexed, nobody knows what it holds."""


Source = TrackSource | SpaceSource | PixelSource


@dataclass(frozen=True, slots=True, eq=False)
class AssetRows:
    """What a tagger looks at of one asset: rows ``[n, dim]``, one a segment, and the segments' ids if it is a video."""

    asset_id: int
    rows: Float32Array
    segments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AssetTags:
    """What a tagger says of one asset: the score of each of its labels, and (segment id, label, score) of a video."""

    asset_id: int
    tags: dict[str, float]
    segments: tuple[tuple[int, str, float], ...] = ()


class TagWork:
    """The work of one tagger at one version over one catalog."""

    def __init__(self, catalog: Catalog, name: str, version: str, source: Source, roots: Sequence[bytes] = ()) -> None:
        """Only assets with a present file at or under ``roots`` are work; without any, all with a present file."""
        self._catalog = catalog
        self._engine = catalog.engine
        self._source = source
        self._roots = roots
        with self._engine.begin() as connection:
            self._tagger = tagger_id(connection, name, version)
            others = select(Tagger.id).where(Tagger.name == name, Tagger.id != self._tagger)
            self._older = list(connection.scalars(others))
            self._labels: dict[str, int] = {}

    def waiting(self) -> int:
        """How many assets have no result of this tagger yet."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(self._unseen(Asset.id).subquery())).scalar_one()

    def lacking(self) -> int:
        """How many present assets there is nothing to look at for this tagger."""
        statement = select(func.count(Asset.id)).where(
            self._is_present(), Asset.kind != MediaKind.SOUND.value, ~self._has_source()
        )
        with self._engine.connect() as connection:
            return connection.execute(statement).scalar_one()

    def next(self, after: int, limit: int, notice: Callable[[str], None]) -> tuple[list[AssetRows], int | None]:
        """The next assets above id ``after``, and the id to go on from; None when there are no more.

        A track that can't be read is left out, ``notice`` is told in one line, and the next run makes it again.
        """
        kinds = self.unseen(after, limit)
        if not kinds:
            return [], None
        lost: list[LostTrack] = []
        with self._engine.connect() as connection:
            if isinstance(self._source, SpaceSource):
                found = self._vectors(connection, kinds)
            else:
                found, lost = self._tracks(connection, kinds, notice)
        if lost:
            with self._engine.begin() as connection:
                forget_tracks(connection, lost)
        return found, max(kinds)

    def unseen(self, after: int, limit: int) -> dict[int, str]:
        """The next assets above id ``after``, in the order of ids, and their kinds."""
        statement = self._unseen(Asset.id, Asset.kind).where(Asset.id > after).order_by(Asset.id).limit(limit)
        with self._engine.connect() as connection:
            return {row.id: row.kind for row in connection.execute(statement)}

    def write(self, results: Sequence[AssetTags]) -> None:
        """One batch; what an older version of the tagger said of these assets goes in the same transaction."""
        finished = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        with self._engine.begin() as connection:
            self._learn_labels(connection, results)
            self._forget_older(connection, [result.asset_id for result in results])
            tagger, ids = self._tagger, self._labels
            tags = [
                {
                    "asset_id": each.asset_id,
                    "tagger_id": tagger,
                    "label_id": ids[label],
                    "score": score,
                    "refused": False,
                }
                for each in results
                for label, score in each.tags.items()
            ]
            parts = [
                {"segment_id": segment, "tagger_id": tagger, "label_id": ids[label], "score": score}
                for each in results
                for segment, label, score in each.segments
            ]
            seen = [{"asset_id": each.asset_id, "tagger_id": tagger, "finished_at": finished} for each in results]
            for table, rows in ((Tag, tags), (SegmentTag, parts), (TagResult, seen)):
                if rows:
                    connection.execute(insert(table.__table__), rows)  # type: ignore[arg-type]

    def _learn_labels(self, connection: Connection, results: Iterable[AssetTags]) -> None:
        said = {label for each in results for label in each.tags} - self._labels.keys()
        self._labels |= label_ids(connection, sorted(said))

    def _forget_older(self, connection: Connection, asset_ids: Sequence[int]) -> None:
        if not self._older:
            return
        for start in range(0, len(asset_ids), _IDS_PER_QUERY):
            chunk = asset_ids[start : start + _IDS_PER_QUERY]
            segments = select(Segment.id).join(Segmentation).where(Segmentation.asset_id.in_(chunk))
            for table, own in (
                (Tag, Tag.asset_id.in_(chunk)),
                (TagResult, TagResult.asset_id.in_(chunk)),
                (SegmentTag, SegmentTag.segment_id.in_(segments)),
            ):
                connection.execute(delete(table).where(table.tagger_id.in_(self._older), own))

    # -- what is missing -------------------------------------------------------------------------------------

    def _unseen(self, *columns: Any) -> Select[Any]:
        seen = exists().where(TagResult.asset_id == Asset.id, TagResult.tagger_id == self._tagger)
        return select(*columns).where(~seen, self._is_present(), self._has_source())

    def _is_present(self) -> ColumnElement[bool]:
        present = exists().where(File.asset_id == Asset.id, File.present)
        return present.where(or_(*map(under, self._roots))) if self._roots else present

    def _has_source(self) -> ColumnElement[bool]:
        match self._source:
            case TrackSource():
                return exists().where(Track.asset_id == Asset.id, *self._own_tracks())
            case PixelSource():
                readable = exists().where(File.asset_id == Asset.id, File.present, File.needs_reading.is_(False))
                return readable & (Asset.kind != MediaKind.SOUND.value)
            case SpaceSource():
                cut = exists().where(Segmentation.asset_id == Asset.id, Segment.segmentation_id == Segmentation.id)
                return cut.where(Embedding.segment_id == Segment.id, Embedding.space_id.in_(self._space()))

    def _own_tracks(self) -> list[ColumnElement[bool]]:
        assert isinstance(self._source, TrackSource)
        version = self._source.version
        at_version = or_(Track.version == version, Track.version.startswith(f"{version}+", autoescape=True))
        return [Track.expert == self._source.expert, Track.dim == self._source.dim, at_version]

    def _space(self) -> Select[Any]:
        assert isinstance(self._source, SpaceSource)
        return select(Space.id).where(Space.name == self._source.name, Space.version == self._source.version)

    # -- what is looked at -----------------------------------------------------------------------------------

    def _tracks(
        self, connection: Connection, kinds: dict[int, str], notice: Callable[[str], None]
    ) -> tuple[list[AssetRows], list[LostTrack]]:
        columns = (Track.asset_id, Track.version, Track.count, Track.dim, Track.times, Track.features, Track.path)
        statement = (
            select(*columns)
            .where(Track.asset_id.in_(list(kinds)), *self._own_tracks())
            .order_by(Track.id)  # of several cuts, the newest is read
        )
        stored = {row.asset_id: (row.version, StoredTrack(*row[2:])) for row in connection.execute(statement)}
        videos = [asset_id for asset_id in stored if kinds[asset_id] == MediaKind.VIDEO.value]
        cuts = cuts_of(connection, videos)
        found, lost = [], []
        for asset_id, (version, track) in stored.items():
            try:
                read = read_track(track, self._catalog.library)
            except LibraryError as error:
                notice(f"{error}; so does the next `vidi index`")
                lost.append(LostTrack(asset_id, version))
                continue
            segments = segments_at(cuts.get(asset_id, ()), read.times[:, 0].tolist())
            found.append(AssetRows(asset_id, np.asarray(read.features, np.float32), segments))
        return found, lost

    def _vectors(self, connection: Connection, kinds: dict[int, str]) -> list[AssetRows]:
        assert isinstance(self._source, SpaceSource)
        width = 2 * self._source.dim
        statement = (
            select(Segmentation.asset_id, Segment.id, Embedding.vector)
            .join(Segment, Segment.segmentation_id == Segmentation.id)
            .join(Embedding, and_(Embedding.segment_id == Segment.id, Embedding.space_id.in_(self._space())))
            .where(Segmentation.asset_id.in_(list(kinds)))
            .order_by(Segmentation.asset_id, Segment.position)
        )
        found = []
        for asset_id, rows in groupby(connection.execute(statement), key=lambda row: row[0]):
            whole = [row for row in rows if len(row.vector) == width]
            if whole:
                vectors = np.stack([np.frombuffer(row.vector, "<f2") for row in whole]).astype(np.float32)
                is_video = kinds[asset_id] == MediaKind.VIDEO.value
                found.append(AssetRows(asset_id, vectors, tuple(row.id for row in whole) if is_video else ()))
        return found
