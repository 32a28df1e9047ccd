"""What the catalog knows of one asset: its facts, its files, what people wrote of it, and its segments."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, select

from retrieval.store.catalog import Catalog
from retrieval.store.descriptions import words_of
from retrieval.store.schema import Asset, File, Segment, Segmentation
from retrieval.types import MediaFacts, MediaKind, Words

__all__ = ["AssetFacts", "AssetReader", "KnownFile", "KnownSegment"]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file that holds, or held, the asset."""

    path: bytes
    size_bytes: int
    modified_ns: int
    present: bool


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """An asset, and its files in the order in which they came; there is at least one."""

    id: int
    content_hash: bytes
    facts: MediaFacts
    files: tuple[KnownFile, ...]


@dataclass(frozen=True, slots=True)
class KnownSegment:
    """A segment; its times are None for a picture."""

    id: int
    asset_id: int
    method: str
    version: str
    start_seconds: float | None
    end_seconds: float | None
    time_seconds: float | None


class AssetReader:
    """Reads from a catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def of(self, asset_id: int) -> AssetFacts | None:
        """The asset; None where there is none, or where no file of it is known any more."""
        files = (
            select(File.path, File.size_bytes, File.modified_ns, File.present)
            .where(File.asset_id == asset_id)
            .order_by(File.id)
        )
        columns = (
            Asset.content_hash, Asset.kind, Asset.width, Asset.height, Asset.duration_seconds, Asset.frame_rate,
            Asset.has_sound, Asset.codec, Asset.taken_at, Asset.latitude, Asset.longitude, Asset.camera, Asset.lens,
        )  # fmt: skip
        with self._engine.connect() as connection:
            row = connection.execute(select(*columns).where(Asset.id == asset_id)).one_or_none()
            known = tuple(KnownFile(*each) for each in connection.execute(files))
            words = words_of(connection, [asset_id]).get(asset_id, Words())
        if row is None or not known:
            return None
        told = {name: value for name, value in row._mapping.items() if name != "content_hash"}
        facts = MediaFacts(**told | {"kind": MediaKind(row.kind), "words": words})
        return AssetFacts(asset_id, row.content_hash, facts, known)

    def segments(self, asset_id: int, *, top: int, offset: int = 0) -> list[KnownSegment]:
        """The asset's segments, those of one segmentation after those of another, each in the order of time."""
        statement = _segments().where(Segmentation.asset_id == asset_id)
        ordered = statement.order_by(Segmentation.id, Segment.position).limit(top).offset(offset)
        with self._engine.connect() as connection:
            return [KnownSegment(*row) for row in connection.execute(ordered)]

    def segment(self, segment_id: int) -> KnownSegment | None:
        """The segment; None where there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(_segments().where(Segment.id == segment_id)).one_or_none()
        return None if row is None else KnownSegment(*row)


def _segments() -> Select[int, int, str, str, float | None, float | None, float | None]:
    return select(
        Segment.id,
        Segmentation.asset_id,
        Segmentation.method,
        Segmentation.version,
        Segment.start_seconds,
        Segment.end_seconds,
        Segment.time_seconds,
    ).join(Segmentation, Segmentation.id == Segment.segmentation_id)
