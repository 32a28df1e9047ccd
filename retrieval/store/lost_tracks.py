"""Tracks that can't be read any more: their rows go, and the files that they came of are read again.

Vectors stay, so that what is indexed is found meanwhile. The caller of what writes holds the write lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Asset, File, Track
from retrieval.store.tracks import StoredTrack, has_whole_size, read_track
from retrieval.types import MediaKind

__all__ = ["LostTrack", "damaged_tracks", "forget_tracks", "lost_tracks"]

_TRACKS_PER_QUERY = 256


@dataclass(frozen=True, slots=True)
class LostTrack:
    """One that can't be read. All that was kept of the asset at this version comes of one decoding, and goes along."""

    asset_id: int
    version: str


def lost_tracks(catalog: Catalog, version: str, notice: Callable[[str], None]) -> list[LostTrack]:
    """Those of ``version`` whose file is gone or cut, which its size tells; ``notice`` is told of each."""
    columns = (Track.asset_id, Track.path, Track.count, Track.dim)
    # A picture's track is a row. To be read only to learn that, the rows of all pictures are too many.
    long = select(Asset.id).where(Asset.kind != MediaKind.PICTURE.value)
    statement = select(*columns).where(Track.asset_id.in_(long), Track.path.is_not(None), Track.version == version)
    with catalog.engine.connect() as connection:
        rows = connection.execute(statement).all()
    lost = []
    for asset_id, path, count, dim in rows:
        file = catalog.library / str(path)
        if not has_whole_size(file, count, dim):
            notice(f"the feature file {file} is gone or cut; what it came of is decoded again")
            lost.append(LostTrack(asset_id, version))
    return lost


def damaged_tracks(catalog: Catalog, version: str, notice: Callable[[str], None]) -> Iterator[LostTrack]:
    """Those of ``version`` that are not what was written, as far as can be told; ``notice`` is told of each."""
    columns = (Track.id, Track.asset_id, Track.count, Track.dim, Track.times, Track.features, Track.path)
    statement = select(*columns).where(Track.version == version).order_by(Track.id).limit(_TRACKS_PER_QUERY)
    last = 0
    while True:
        with catalog.engine.connect() as connection:
            rows = connection.execute(statement.where(Track.id > last)).all()
        if not rows:
            return
        last = rows[-1].id
        for row in rows:
            try:
                read_track(StoredTrack(*row[2:]), catalog.library)
            except LibraryError as error:
                notice(f"{error}; what it came of is decoded again")
                yield LostTrack(row.asset_id, version)


def forget_tracks(connection: Connection, lost: Sequence[LostTrack]) -> None:
    """Their rows go, and the present files of their assets are work."""
    for track in lost:
        connection.execute(delete(Track).where(Track.asset_id == track.asset_id, Track.version == track.version))
        connection.execute(update(File).where(File.asset_id == track.asset_id, File.present).values(needs_reading=True))
