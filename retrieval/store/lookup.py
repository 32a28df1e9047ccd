"""What a search reads from the catalog: which vectors a filter allows, and what is known of the assets found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, Select, and_, bindparam, exists, false, func, or_, select

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.driver_rows import IDS, driver_rows, listed, numbers, rows_of_ids
from retrieval.store.file_filter import FileFilter
from retrieval.store.filter_conditions import assets_meeting, conditions_of, nanoseconds_of
from retrieval.store.remembered import Remembered
from retrieval.store.schema import Asset, Embedding, File, Result, Segment, Segmentation, Space, Track
from retrieval.store.space_names import space_name
from retrieval.store.tracks import StoredTrack, read_track
from retrieval.store.vectors import Int64Array
from retrieval.types import FeatureTrack, Float32Array, MediaKind

__all__ = ["AssetSegments", "LiveAsset", "Lookup"]

_Statement = TypeVar("_Statement", bound=Select[*tuple[Any, ...]])
_VALUES_PER_QUERY = 1000
_ASSETS = select(Asset.id, Asset.kind, File.path).join(File, File.asset_id == Asset.id).where(Asset.id.in_(IDS))
_OWNERS = (
    select(Embedding.vector_id, Asset.id, Asset.kind, File.path)
    .join(Segment, Segment.id == Embedding.segment_id)
    .join(Segmentation, Segmentation.id == Segment.segmentation_id)
    .join(Asset, Asset.id == Segmentation.asset_id)
    .join(File, File.asset_id == Asset.id)
    .where(Embedding.vector_id.in_(IDS))
)
_SEGMENTS = (
    select(Segmentation.asset_id, Segment.start_seconds, Segment.end_seconds, Embedding.vector)
    .join(Segment, Segment.segmentation_id == Segmentation.id)
    # The sum keeps SQLite from beginning with every vector of the space: from few assets it is a short way.
    .join(Embedding, and_(Embedding.segment_id == Segment.id, Embedding.space_id + 0 == bindparam("space")))
    .where(Segmentation.asset_id.in_(IDS))
    .order_by(Segmentation.asset_id, Segment.position)
)
_TRACKS = (
    select(Track.asset_id, Track.count, Track.dim, Track.times, Track.features, Track.path)
    .where(Track.expert == bindparam("expert"), Track.asset_id.in_(IDS))
    .order_by(Track.id)
)
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
        self._built = Remembered(catalog)

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
            statement = statement.where(Segmentation.asset_id.in_(assets_meeting(wanted, connection)))
            return np.array([row[0] for row in driver_rows(connection, statement)], np.int64)

    def asset_ids(self, wanted: FileFilter) -> Int64Array:
        """``[n]`` ids of the contents that have a present file which meets ``wanted``."""
        with self._engine.connect() as connection:
            meeting = assets_meeting(wanted, connection).with_only_columns(listed(File.asset_id))
            return np.unique(numbers(connection.scalar(meeting)))

    def live_by_vector(self, vector_ids: Sequence[int], wanted: FileFilter) -> dict[int, LiveAsset]:
        """The asset of each vector that the catalog holds, where it has a present file that meets ``wanted``."""
        owners: dict[int, int] = {}
        found: defaultdict[int, dict[bytes, str]] = defaultdict(dict)
        with self._engine.connect() as connection:
            statement = self._filtered(_OWNERS, wanted, connection)
            for vector_id, asset_id, kind, path in rows_of_ids(connection, statement, vector_ids):
                owners[vector_id] = asset_id
                found[asset_id][path] = kind
        live = {asset_id: _live(asset_id, kinds) for asset_id, kinds in found.items()}
        return {vector_id: live[asset_id] for vector_id, asset_id in owners.items()}

    def asset_at(self, path: bytes) -> int | None:
        """The content of the file at ``path``; None where it is not known."""
        with self._engine.connect() as connection:
            return connection.scalar(select(File.asset_id).where(File.path == path))

    def newest_asset(self) -> int:
        """The greatest id of a content; 0 where there is none."""

        def read() -> int:
            with self._engine.connect() as connection:
                return connection.scalar(select(func.max(Asset.id))) or 0

        return self._built.of("newest asset", read)

    def live_assets(self, asset_ids: Sequence[int], wanted: FileFilter) -> dict[int, LiveAsset]:
        """Those of ``asset_ids`` that have a present file that meets ``wanted``."""
        found: defaultdict[int, dict[bytes, str]] = defaultdict(dict)
        with self._engine.connect() as connection:
            statement = self._filtered(_ASSETS, wanted, connection)
            for asset_id, kind, path in rows_of_ids(connection, statement, asset_ids):
                found[asset_id][path] = kind
        return {asset_id: _live(asset_id, kinds) for asset_id, kinds in found.items()}

    def _filtered(self, statement: _Statement, wanted: FileFilter, connection: Connection) -> _Statement:
        """``statement`` over files that meet ``wanted``: building it takes longer than answering it.

        What is wrapped no index answers. Else SQLite would begin with every video, where ``wanted`` is one, and not
        with the few ids that are asked for.
        """

        def build() -> _Statement:
            return statement.where(func.coalesce(and_(*conditions_of(wanted, connection)), false()))

        return self._built.of((statement, wanted), build)

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
        rows: defaultdict[int, list[Any]] = defaultdict(list)
        with self._engine.connect() as connection:
            for asset_id, *row in rows_of_ids(connection, _SEGMENTS, asset_ids, space=space.id):
                if len(row[-1]) == 2 * space.dim:
                    rows[asset_id].append(row)
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
        found: dict[int, StoredTrack] = {}
        with self._engine.connect() as connection:
            for asset_id, *row in rows_of_ids(connection, _TRACKS, asset_ids, expert=expert):
                found[asset_id] = StoredTrack(*row)
        tracks: dict[int, FeatureTrack] = {}
        for asset_id, stored in found.items():
            try:
                tracks[asset_id] = read_track(stored, self._catalog.library)
            except LibraryError as error:
                notice(str(error))
        return tracks


def _live(asset_id: int, kinds: Mapping[bytes, str]) -> LiveAsset:
    """``kinds`` by path: all the same."""
    return LiveAsset(asset_id, MediaKind(next(iter(kinds.values()))), tuple(sorted(kinds)))


def _segments(rows: Sequence[tuple[float | None, float | None, bytes]]) -> AssetSegments:
    vectors = np.frombuffer(b"".join(vector for _, _, vector in rows), "<f2").reshape(len(rows), -1).astype(np.float32)
    if rows[0][0] is None:
        return AssetSegments(vectors, None)
    return AssetSegments(vectors, np.array([row[:2] for row in rows], np.float32))


def _chunks(values: Iterable[int]) -> Iterator[list[int]]:
    """Few enough at a time for one statement; plain ints, which is all that a database driver knows."""
    listed = [int(value) for value in values]
    for start in range(0, len(listed), _VALUES_PER_QUERY):
        yield listed[start : start + _VALUES_PER_QUERY]
