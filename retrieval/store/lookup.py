"""What a search reads from the catalog: which vectors a filter allows, and what is known of the assets found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import and_, exists, func, or_, select

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.file_filter import FileFilter
from retrieval.store.filter_conditions import conditions_of, nanoseconds_of
from retrieval.store.schema import Asset, Embedding, File, Result, Segment, Segmentation, Space, Track
from retrieval.store.space_names import space_name
from retrieval.store.tracks import StoredTrack, read_track
from retrieval.store.vectors import Int64Array
from retrieval.types import FeatureTrack, Float32Array, MediaKind

__all__ = ["AssetSegments", "LiveAsset", "Lookup"]

_VALUES_PER_QUERY = 1000
_SPARSE = 0.1
"""A sample that has a smaller share than this of what was asked for says little: the first vectors are better."""


@dataclass(frozen=True, slots=True)
class LiveAsset:
    """An asset with its present files that meet the filter, in the order of their bytes; there is at least one."""

    id: int
    kind: MediaKind
    paths: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AssetSegments:
    """All segments of an asset in a space: vectors ``[n, dim]``, and times ``[n, 2]`` seconds or None for a picture."""

    vectors: Float32Array
    times: Float32Array | None


class Lookup:
    """Reads from a catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._engine = catalog.engine

    def spaces(self, name: str | None = None) -> list[SpaceRow]:
        """The spaces (of ``name``) that have vectors or results, newest version first. Nothing is counted."""
        used = or_(exists().where(Embedding.space_id == Space.id), exists().where(Result.space_id == Space.id))
        columns = (Space.id, space_name(), Space.version, Space.dim, Space.normalized)
        statement = select(*columns).where(used).order_by(Space.id.desc())
        if name is not None:
            statement = statement.where(space_name() == name)
        with self._engine.connect() as connection:
            return [SpaceRow(*row) for row in connection.execute(statement)]

    def finished(self, space: SpaceRow) -> int:
        """How many assets are finished in ``space``."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).where(Result.space_id == space.id)) or 0

    def vector_ids(self, space: SpaceRow, wanted: FileFilter) -> Int64Array:
        """``[n]`` ids of the vectors whose asset has a present file that meets ``wanted``."""
        statement = (
            select(Embedding.vector_id)
            .join(Segment, Segment.id == Embedding.segment_id)
            .join(Segmentation, Segmentation.id == Segment.segmentation_id)
            # The sum keeps SQLite from beginning with every vector of the space: from few files it is a short way.
            .where(Embedding.space_id + 0 == space.id)
        )
        with self._engine.connect() as connection:
            of_assets = select(File.asset_id).join(Asset, Asset.id == File.asset_id)
            statement = statement.where(Segmentation.asset_id.in_(of_assets.where(*conditions_of(wanted, connection))))
            rows = connection.execute(statement).cursor  # the driver's own: half a million Row objects take a second
            return np.array([row[0] for row in rows.fetchall()] if rows is not None else [], np.int64)

    def asset_ids(self, wanted: FileFilter) -> Int64Array:
        """``[n]`` ids of the contents that have a present file which meets ``wanted``."""
        with self._engine.connect() as connection:
            statement = select(File.asset_id).join(Asset, Asset.id == File.asset_id)
            rows = connection.execute(statement.where(*conditions_of(wanted, connection))).cursor
            return np.unique(np.array([row[0] for row in rows.fetchall()] if rows is not None else [], np.int64))

    def assets_of(self, vector_ids: Sequence[int]) -> dict[int, int]:
        """The asset of each vector that the catalog still holds."""
        statement = (
            select(Embedding.vector_id, Segmentation.asset_id)
            .join(Segment, Segment.id == Embedding.segment_id)
            .join(Segmentation, Segmentation.id == Segment.segmentation_id)
        )
        found: dict[int, int] = {}
        with self._engine.connect() as connection:
            for chunk in _chunks(vector_ids):
                rows = connection.execute(statement.where(Embedding.vector_id.in_(chunk)))
                found.update({row.vector_id: row.asset_id for row in rows})
        return found

    def asset_at(self, path: bytes) -> int | None:
        """The content of the file at ``path``; None where it is not known."""
        with self._engine.connect() as connection:
            return connection.scalar(select(File.asset_id).where(File.path == path))

    def newest_asset(self) -> int:
        """The greatest id of a content; 0 where there is none."""
        with self._engine.connect() as connection:
            return connection.scalar(select(func.max(Asset.id))) or 0

    def live_assets(self, asset_ids: Sequence[int], wanted: FileFilter) -> dict[int, LiveAsset]:
        """Those of ``asset_ids`` that have a present file that meets ``wanted``."""
        statement = select(Asset.id, Asset.kind, File.path).join(File, File.asset_id == Asset.id)
        kinds: dict[int, str] = {}
        paths: defaultdict[int, list[bytes]] = defaultdict(list)
        with self._engine.connect() as connection:
            statement = statement.where(*conditions_of(wanted, connection))
            for chunk in _chunks(asset_ids):
                for row in connection.execute(statement.where(Asset.id.in_(chunk))):
                    kinds[row.id] = row.kind
                    paths[row.id].append(row.path)
        return {
            asset_id: LiveAsset(asset_id, MediaKind(kind), tuple(sorted(paths[asset_id])))
            for asset_id, kind in kinds.items()
        }

    def newest(self, wanted: FileFilter, count: int) -> list[int]:
        """The first ``count`` of the assets that have a present file that meets ``wanted``, the last taken first.

        Where it doesn't say when it was taken, the time counts at which its file was last modified.
        """
        assets = select(Asset.id, Asset.taken_at, func.max(File.modified_ns)).join(File, File.asset_id == Asset.id)
        assets = assets.group_by(Asset.id).limit(count)
        with self._engine.connect() as connection:
            assets = assets.where(*conditions_of(wanted, connection))
            taken = assets.where(Asset.taken_at.is_not(None)).order_by(Asset.taken_at.desc(), Asset.id)
            modified = assets.where(Asset.taken_at.is_(None)).order_by(func.max(File.modified_ns).desc(), Asset.id)
            rows = [*connection.execute(taken), *connection.execute(modified)]
        dated = [(nanoseconds_of(at) if at is not None else modified_ns, key) for key, at, modified_ns in rows]
        return [key for _, key in sorted(dated, key=lambda pair: (-pair[0], pair[1]))[:count]]

    def segments(self, space: SpaceRow, asset_ids: Sequence[int]) -> dict[int, AssetSegments]:
        """All segments of each asset, in the order of time. Damaged vectors are left out, as the index does."""
        statement = (
            select(Segmentation.asset_id, Segment.start_seconds, Segment.end_seconds, Embedding.vector)
            .join(Segment, Segment.segmentation_id == Segmentation.id)
            # As above: from a few assets, not from every vector of the space.
            .join(Embedding, and_(Embedding.segment_id == Segment.id, Embedding.space_id + 0 == space.id))
            .order_by(Segmentation.asset_id, Segment.position)
        )
        rows: defaultdict[int, list[Any]] = defaultdict(list)
        with self._engine.connect() as connection:
            for chunk in _chunks(asset_ids):
                for row in connection.execute(statement.where(Segmentation.asset_id.in_(chunk))):
                    if len(row.vector) == 2 * space.dim:
                        rows[row.asset_id].append(row)
        return {asset_id: _segments(asset_rows) for asset_id, asset_rows in rows.items()}

    def sample(self, space: SpaceRow, count: int) -> Float32Array:
        """At most ``count`` of the space's vectors, evenly over the ids between its first and its last: ``[n, dim]``.

        It costs the same in a library of any size. Where ids between were given to other spaces or removed, it has
        fewer; where they are nearly all, it has the first ones, so that it is empty only where the space is.
        """
        own = Embedding.space_id == space.id
        with self._engine.connect() as connection:
            # Each for itself: the index answers a single one at once, and both together by counting all rows.
            first, last = (
                connection.scalar(select(end(Embedding.vector_id)).where(own)) for end in (func.min, func.max)
            )
            even = np.unique(np.linspace(first or 0, last or 0, count).astype(np.int64))
            rows: list[bytes] = []
            for chunk in _chunks(even):
                mine = select(Embedding.vector).where(Embedding.vector_id.in_(chunk), own)
                rows += connection.scalars(mine.order_by(Embedding.vector_id))
            if len(rows) < _SPARSE * count:
                first_ones = select(Embedding.vector).where(own).order_by(Embedding.vector_id).limit(count)
                rows = list(connection.scalars(first_ones))
        whole = [np.frombuffer(row, "<f2") for row in rows if len(row) == 2 * space.dim]
        vectors = np.array(whole, np.float32).reshape(-1, space.dim)
        return vectors[np.isfinite(vectors).all(axis=1)]

    def tracks(
        self, asset_ids: Sequence[int], expert: str, notice: Callable[[str], None] = lambda line: None
    ) -> dict[int, FeatureTrack]:
        """What ``expert``, at the newest version that has seen it, says of each asset.

        A track that is missing or damaged is left out, and ``notice`` is told in one line.
        """
        columns = (Track.asset_id, Track.count, Track.dim, Track.times, Track.features, Track.path)
        statement = select(*columns).where(Track.expert == expert).order_by(Track.id)
        found: dict[int, StoredTrack] = {}
        with self._engine.connect() as connection:
            for chunk in _chunks(asset_ids):
                for row in connection.execute(statement.where(Track.asset_id.in_(chunk))):
                    found[row.asset_id] = StoredTrack(*row[1:])
        tracks: dict[int, FeatureTrack] = {}
        for asset_id, stored in found.items():
            try:
                tracks[asset_id] = read_track(stored, self._catalog.library)
            except LibraryError as error:
                notice(str(error))
        return tracks


def _segments(rows: list[Any]) -> AssetSegments:
    vectors = np.stack([np.frombuffer(row.vector, "<f2") for row in rows]).astype(np.float32)
    times = None
    if rows[0].start_seconds is not None:
        times = np.array([(row.start_seconds, row.end_seconds) for row in rows], np.float32)
    return AssetSegments(vectors, times)


def _chunks(values: Iterable[int]) -> Iterator[list[int]]:
    """Few enough at a time for one statement; plain ints, which is all that a database driver knows."""
    listed = [int(value) for value in values]
    for start in range(0, len(listed), _VALUES_PER_QUERY):
        yield listed[start : start + _VALUES_PER_QUERY]
