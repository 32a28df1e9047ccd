"""Where the files of assets lie, and how their videos are cut: for taggers that look at pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, select

from retrieval.store.catalog import Catalog
from retrieval.store.schema import File, Segment, Segmentation

__all__ = ["AssetFiles", "KnownCopy", "cuts_of", "files_of", "segments_at"]

_NEAR_SECONDS = 1e-2
"""Tracks keep times in single precision: of a day's video, good to 4 ms."""

Cut = tuple[tuple[int, float | None], ...]
"""(id, start in seconds) of the segments of one cut in their order; a picture's start is None."""


@dataclass(frozen=True, slots=True)
class KnownCopy:
    """A present file of an asset, as it was when it was indexed."""

    path: bytes
    kind: str
    """What its name promises."""
    size_bytes: int
    modified_ns: int
    inode: str

    def is_same(self, size_bytes: int, modified_ns: int, inode: int) -> bool:
        """Nothing about the file says that its content may differ."""
        return (self.size_bytes, self.modified_ns, self.inode) == (size_bytes, modified_ns, str(inode))


@dataclass(frozen=True, slots=True)
class AssetFiles:
    """One asset: its copies in the order of their paths, and each cut of it, the newest first."""

    asset_id: int
    copies: tuple[KnownCopy, ...]
    cuts: tuple[Cut, ...]

    def segments(self, starts: Sequence[float]) -> tuple[int, ...]:
        """The segments that begin at ``starts``; empty where no cut has just these."""
        return segments_at(self.cuts, starts)


def segments_at(cuts: Sequence[Cut], starts: Sequence[float]) -> tuple[int, ...]:
    """The segments of the first of ``cuts`` that begins at ``starts``, in seconds; empty where none does."""
    for cut in cuts:
        if len(cut) == len(starts) and all(
            own is not None and abs(own - start) < _NEAR_SECONDS for (_, own), start in zip(cut, starts, strict=True)
        ):
            return tuple(segment for segment, _ in cut)
    return ()


def files_of(catalog: Catalog, asset_ids: Sequence[int]) -> list[AssetFiles]:
    """The assets in the order given, a few hundred at most; one of which no file can be read is left out."""
    with catalog.engine.connect() as connection:
        copies = dict(_copies(connection, asset_ids))
        cuts = cuts_of(connection, asset_ids)
    return [AssetFiles(each, copies[each], cuts.get(each, ())) for each in asset_ids if each in copies]


def _copies(connection: Connection, asset_ids: Sequence[int]) -> Iterator[tuple[int, tuple[KnownCopy, ...]]]:
    columns = (File.asset_id, File.path, File.kind, File.size_bytes, File.modified_ns, File.inode)
    statement = (
        select(*columns)
        .where(File.asset_id.in_(asset_ids), File.present, File.needs_reading.is_(False))
        .order_by(File.asset_id, File.path)
    )
    for asset_id, rows in groupby(connection.execute(statement), key=lambda row: row.asset_id):
        yield asset_id, tuple(KnownCopy(*row[1:]) for row in rows)


def cuts_of(connection: Connection, asset_ids: Sequence[int]) -> dict[int, tuple[Cut, ...]]:
    """The cuts of each asset that has one, the newest first."""
    statement = (
        select(Segmentation.asset_id, Segmentation.id, Segment.id, Segment.start_seconds)
        .join(Segment, Segment.segmentation_id == Segmentation.id)
        .where(Segmentation.asset_id.in_(asset_ids))
        .order_by(Segmentation.asset_id, Segmentation.id.desc(), Segment.position)
    )
    found: dict[int, tuple[Cut, ...]] = {}
    for asset_id, of_asset in groupby(connection.execute(statement), key=lambda row: row[0]):
        of_cuts = groupby(of_asset, key=lambda row: row[1])
        found[asset_id] = tuple(tuple((row[2], row[3]) for row in rows) for _, rows in of_cuts)
    return found
