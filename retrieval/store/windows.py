"""Windows of video and sound: what a space over kept tracks reads from the catalog, and what it writes there.

No file is opened: the tracks are what experts gave when a file was decoded. When one of them sees a file later than the
others, its windows are work again, so that they never speak of less than is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, or_, select

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.epochs import begin_epoch
from retrieval.store.forget import count_deletion
from retrieval.store.results import SegmentRecord, finish_assets, write_segments
from retrieval.store.schema import Asset, Embedding, Result, Segment, Segmentation, Track
from retrieval.store.tracks import StoredTrack, read_track
from retrieval.track_versions import text_encoder_of
from retrieval.types import FeatureTrack, Float32Array, MediaKind, Span

__all__ = ["UncutAsset", "WindowedAsset", "Windows", "holds_timed_media"]


_VIDEO = MediaKind.VIDEO.value


@dataclass(frozen=True, slots=True)
class UncutAsset:
    """A video or sound without windows in a space."""

    id: int
    duration_seconds: float
    tracks: Mapping[str, FeatureTrack]
    """By expert, at the versions that the space knows or reads alike; those that can be read."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowedAsset:
    """Windows of one asset, in the order of time, with a vector ``[n, d]`` for each."""

    id: int
    spans: Sequence[Span]
    vectors: Float32Array


class Windows:
    """One space's windows. Who writes holds the write lock."""

    def __init__(
        self,
        catalog: Catalog,
        space: SpaceRow,
        experts: Mapping[str, str],
        segmentation: tuple[str, str],
        sight: tuple[str, str] | None = None,
    ) -> None:
        """
        Args:
            catalog: of the library.
            space: of the windows.
            experts: versions, by name, whose tracks it reads.
            segmentation: method and version of its cut.
            sight: name and version of the expert of frames that its picture space reads; None: it has no such space.
        """
        self._catalog = catalog
        self._space = space
        self._sight = sight and sight[0]
        self._experts = dict([sight] if sight else []) | dict(experts)
        self._segmentation = segmentation
        self._method, self._version = segmentation
        self._has_epoch = False

    def missing(self, after: int, limit: int) -> list[int]:
        """The next ids above ``after`` of videos and sounds that have a track which the space knows, and no windows.

        Where it stands upon a picture space, it must know how a video looks: one whose frames only another space's
        expert saw is left to that space.
        """
        finished = exists().where(Result.asset_id == Asset.id, Result.space_id == self._space.id)
        known = exists().where(Track.asset_id == Asset.id, self._is_read())
        seen = known if self._sight is None else known.where(Track.expert == self._sight)
        can_be_cut = or_(and_(Asset.kind == _VIDEO, seen), and_(Asset.kind == MediaKind.SOUND.value, known))
        statement = select(Asset.id).where(Asset.id > after, ~finished, can_be_cut)
        with self._catalog.engine.connect() as connection:
            return list(connection.scalars(statement.order_by(Asset.id).limit(limit)))

    def read(self, asset_id: int, lost: list[str]) -> UncutAsset:
        """An asset with its tracks. One that can't be read is left out, and why is added to ``lost``."""
        columns = (Track.expert, Track.count, Track.dim, Track.times, Track.features, Track.path)
        statement = select(*columns).where(Track.asset_id == asset_id, self._is_read()).order_by(Track.id)
        with self._catalog.engine.connect() as connection:
            seconds = connection.scalar(select(Asset.duration_seconds).where(Asset.id == asset_id))
            rows = [(row[0], StoredTrack(*row[1:])) for row in connection.execute(statement)]
        tracks = {}
        for expert, stored in rows:
            try:
                tracks[expert] = read_track(stored, self._catalog.library)
            except LibraryError as error:
                lost.append(str(error))
        return UncutAsset(asset_id, seconds or 0.0, tracks)

    def write(self, assets: Sequence[WindowedAsset]) -> None:
        """Finish ``assets`` in the space, in one transaction; windows of an older look at them go."""
        with self._catalog.engine.begin() as connection:
            if not self._has_epoch:
                begin_epoch(connection)
            self._make_room(connection, assets)
            wanted = {asset.id: _segments(asset.spans) for asset in assets}
            write_segments(connection, self._segmentation, wanted)
            finish_assets(connection, self._space, self._segmentation, {asset.id: asset.vectors for asset in assets})
        self._has_epoch = True

    def _make_room(self, connection: Connection, assets: Iterable[WindowedAsset]) -> None:
        """Take away vectors of an older look, and the whole cut where it was another then."""
        for asset in assets:
            gone = self._leave_other_cuts(connection, asset.id)
            cut = select(Segmentation.id).where(*self._is_cut_of(asset.id), Segmentation.version == self._version)
            held = Embedding.segment_id.in_(_segments_of(cut))
            times = select(Segment.start_seconds, Segment.end_seconds).where(Segment.segmentation_id.in_(cut))
            before = [tuple(row) for row in connection.execute(times.order_by(Segment.position))]
            if before == [(span.start_seconds, span.end_seconds) for span in asset.spans]:
                gone += connection.execute(delete(Embedding).where(held, Embedding.space_id == self._space.id)).rowcount
            else:
                sharing = connection.scalars(select(Embedding.space_id).distinct().where(held)).all()
                gone += connection.execute(delete(Embedding).where(held)).rowcount
                connection.execute(delete(Segmentation).where(Segmentation.id.in_(cut)))
                done = delete(Result).where(Result.asset_id == asset.id, Result.space_id.in_(sharing))
                connection.execute(done)  # work again for other spaces with this cut
            if gone:
                count_deletion(connection)

    def _leave_other_cuts(self, connection: Connection, asset_id: int) -> int:
        """Take the space's vectors out of cuts of other versions, and away those that no space has vectors in then; how
        many vectors."""
        others = select(Segmentation.id).where(*self._is_cut_of(asset_id), Segmentation.version != self._version)
        own = (Embedding.space_id == self._space.id, Embedding.segment_id.in_(_segments_of(others)))
        gone = connection.execute(delete(Embedding).where(*own)).rowcount
        if gone:
            held = select(Segment.segmentation_id).join(Embedding, Embedding.segment_id == Segment.id)
            empty = others.where(Segmentation.id.not_in(held.where(Segment.segmentation_id.in_(others))))
            connection.execute(delete(Segmentation).where(Segmentation.id.in_(empty)))
        return gone

    def _is_cut_of(self, asset_id: int) -> tuple[ColumnElement[bool], ...]:
        return Segmentation.asset_id == asset_id, Segmentation.method == self._method

    def _is_read(self) -> ColumnElement[bool]:
        return or_(*(and_(Track.expert == name, _is_alike(name, version)) for name, version in self._experts.items()))


def _is_alike(expert: str, version: str) -> ColumnElement[bool]:
    """A track of frames bears, after its expert's version and a plus, that of the choice of frames; one of words, that
    of their vectors, whoever heard or read them."""
    if (encoder := text_encoder_of(expert, version)) is not None:
        return Track.version.endswith(f"+{encoder}", autoescape=True)
    return or_(Track.version == version, Track.version.startswith(f"{version}+", autoescape=True))


def holds_timed_media(catalog: Catalog) -> bool:
    """Whether there is a video or sound at all."""
    timed = (MediaKind.VIDEO.value, MediaKind.SOUND.value)
    with catalog.engine.connect() as connection:
        return connection.scalar(select(Asset.id).where(Asset.kind.in_(timed)).limit(1)) is not None


def _segments_of(cuts: Select[int]) -> Select[int]:
    """The ids of the segments of ``cuts``."""
    return select(Segment.id).where(Segment.segmentation_id.in_(cuts))


def _segments(spans: Sequence[Span]) -> list[SegmentRecord]:
    return [SegmentRecord(span.start_seconds, span.end_seconds) for span in spans]
