"""A batch of results goes in table by table: a dozen statements for hundreds of files, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from retrieval.store.catalog import SpaceRow
from retrieval.store.descriptions import words_follow, write_descriptions
from retrieval.store.expert_failures import ExpertFailureRecord, forget_expert_failures, write_expert_failures
from retrieval.store.schema import Asset, Embedding, Failure, File, Result, Segment, Segmentation, Space, Track
from retrieval.store.timed_texts import AssetTexts, write_timed_texts
from retrieval.store.tracks import StoredTrack
from retrieval.types import FeatureTrack, Float32Array, MediaFacts

__all__ = [
    "LOOK_STAGE",
    "WINDOW_SPACES",
    "FailureRecord",
    "MediaRecord",
    "SegmentRecord",
    "TrackRecord",
    "finish_assets",
    "forget_failures",
    "link_files",
    "outdate_windows",
    "window_spaces",
    "write_failures",
    "write_media",
    "write_segments",
    "write_tracks",
]

LOOK_STAGE = "look"
"""The stage of a failure that came of looking at the name alone: such a file is not opened before it looks well."""

WINDOW_SPACES = "mmt/"
"""Names of spaces that are computed from the tracks of several experts begin so."""

_IDS_PER_QUERY = 500
_REASON_MOST = 1024

PackedTracks = dict[tuple[str, str], StoredTrack]
"""Tracks as rows hold them, by (expert, version)."""


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A segment to keep; all times are None for a picture."""

    start_seconds: float | None = None
    end_seconds: float | None = None
    time_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MediaRecord:
    """All that one decoded file gave: facts, segments, their embeddings ``[n, d]``, the experts' tracks and words."""

    file_id: int
    content_hash: bytes
    facts: MediaFacts
    segments: Sequence[SegmentRecord]
    embeddings: Float32Array
    tracks: dict[tuple[str, str], FeatureTrack]
    """By (expert, version)."""
    texts: AssetTexts = field(default_factory=dict)
    """What experts heard and read, in the order of time. An expert that found no words has an empty entry; what one
    that has none found before stays."""
    failed_experts: Sequence[ExpertFailureRecord] = ()

    def __post_init__(self) -> None:
        for (expert, _), texts in self.texts.items():
            if any(text.source != expert for text in texts):
                raise ValueError(
                    f"expected words of {expert}, got those of {', '.join(sorted({text.source for text in texts}))}"
                )
        if len(self.segments) != len(self.embeddings):
            raise ValueError(
                f"expected a vector a segment, got {len(self.embeddings)} vectors for {len(self.segments)} segments"
            )


@dataclass(frozen=True, slots=True, eq=False)
class TrackRecord:
    """What experts over time say of a content that is known: a file that holds it, their tracks and words."""

    file_id: int
    content_hash: bytes
    tracks: Mapping[tuple[str, str], FeatureTrack]
    texts: AssetTexts = field(default_factory=dict)
    failed_experts: Sequence[ExpertFailureRecord] = ()


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """Why a file could not be used."""

    file_id: int
    stage: str
    reason: str
    permanent: bool
    tried_with: str


def link_files(connection: Connection, pairs: Iterable[tuple[int, int]]) -> None:
    """Give files, by (file id, asset id), the asset whose content they hold; they have not failed, then."""
    rows = [{"linked_file": file_id, "linked_asset": asset_id} for file_id, asset_id in pairs]
    if rows:
        statement = update(File.__table__).where(File.id == bindparam("linked_file"))  # type: ignore[arg-type]
        file_ids = [row["linked_file"] for row in rows]
        with words_follow(connection, file_ids):
            connection.execute(statement.values(asset_id=bindparam("linked_asset"), needs_reading=False), rows)
        forget_failures(connection, file_ids)


def forget_failures(connection: Connection, file_ids: Sequence[int]) -> None:
    """Whatever these files failed at is no longer so."""
    for start in range(0, len(file_ids), _IDS_PER_QUERY):
        chunk = file_ids[start : start + _IDS_PER_QUERY]
        connection.execute(delete(Failure).where(Failure.file_id.in_(chunk)))


def write_failures(connection: Connection, failures: Sequence[FailureRecord]) -> None:
    """Each file's newest failure takes the place of its last. What failed for good no longer holds its old content."""
    forget_failures(connection, [failure.file_id for failure in failures])
    rows = [_values(failure) | {"reason": failure.reason[:_REASON_MOST], "failed_at": _now()} for failure in failures]
    _insert(connection, Failure, rows)
    gone = [{"failed_file": failure.file_id} for failure in failures if failure.permanent]
    if gone:
        statement = update(File.__table__).where(File.id == bindparam("failed_file"))  # type: ignore[arg-type]
        with words_follow(connection, [row["failed_file"] for row in gone]):
            connection.execute(statement.values(asset_id=None), gone)


def write_media(
    connection: Connection,
    space: SpaceRow,
    segmentation: tuple[str, str],
    records: Sequence[MediaRecord],
    packed: Sequence[PackedTracks],
) -> list[int]:
    """Everything of ``records`` that is not there yet; the asset id of each.

    Where the content is known, or stands in the batch twice, the file is linked to the one asset.
    """
    assets = _asset_ids(connection, records)
    asset_ids = [assets[record.content_hash] for record in records]
    link_files(connection, zip((record.file_id for record in records), asset_ids, strict=True))
    finished = set(
        connection.scalars(select(Result.asset_id).where(Result.space_id == space.id, Result.asset_id.in_(asset_ids)))
    )
    unfinished = {
        asset_id: (record, tracks)
        for asset_id, record, tracks in reversed(list(zip(asset_ids, records, packed, strict=True)))
        if asset_id not in finished
    }
    segments = write_segments(
        connection, segmentation, {key: record.segments for key, (record, _) in unfinished.items()}
    )
    _write_tracks(connection, dict(zip(asset_ids, packed, strict=True)))  # a finished asset may have lost its own
    for asset_id, (record, _) in unfinished.items():
        _check_counts(segments[asset_id], record.embeddings)
    _insert(
        connection,
        Embedding,
        [row for key, (record, _) in unfinished.items() for row in _vectors(space, segments[key], record.embeddings)],
    )
    _insert(connection, Result, [_result(asset_id, space) for asset_id in unfinished])
    write_expert_failures(connection, {key: each.failed_experts for key, each in zip(asset_ids, records, strict=True)})
    write_timed_texts(connection, {key: each.texts for key, each in zip(asset_ids, records, strict=True)})
    words = {asset_id: record.facts.words for asset_id, record in zip(asset_ids, records, strict=True)}
    write_descriptions(connection, words)
    return asset_ids


def write_tracks(connection: Connection, records: Sequence[TrackRecord], packed: Sequence[PackedTracks]) -> list[int]:
    """Tracks and words of assets that are known; the asset id of each record. Its file is linked to it."""
    hashes = [record.content_hash for record in records]
    known = dict(connection.execute(select(Asset.content_hash, Asset.id).where(Asset.content_hash.in_(hashes))).all())
    asset_ids = [known[content_hash] for content_hash in hashes]
    link_files(connection, zip((record.file_id for record in records), asset_ids, strict=True))
    _write_tracks(connection, dict(zip(asset_ids, packed, strict=True)))
    write_expert_failures(connection, {key: each.failed_experts for key, each in zip(asset_ids, records, strict=True)})
    write_timed_texts(connection, {key: record.texts for key, record in zip(asset_ids, records, strict=True)})
    return asset_ids


def finish_assets(
    connection: Connection, space: SpaceRow, segmentation: tuple[str, str], vectors: Mapping[int, Float32Array]
) -> None:
    """Give known assets, cut into segments before, a vector ``[n, d]`` for each segment in their order."""
    finished = set(
        connection.scalars(
            select(Result.asset_id).where(Result.space_id == space.id, Result.asset_id.in_(list(vectors)))
        )
    )
    unfinished = [asset_id for asset_id in vectors if asset_id not in finished]
    segments = _known_segments(connection, segmentation, unfinished)
    for asset_id in unfinished:
        _check_counts(segments.get(asset_id, []), vectors[asset_id])
    rows = [row for asset_id in unfinished for row in _vectors(space, segments[asset_id], vectors[asset_id])]
    _insert(connection, Embedding, rows)
    _insert(connection, Result, [_result(asset_id, space) for asset_id in unfinished])


def outdate_windows(connection: Connection, asset_ids: Iterable[int]) -> None:
    """New tracks came of these assets: their windows are work again. Until then the old ones are searched."""
    listed = list(asset_ids)
    connection.execute(delete(Result).where(Result.asset_id.in_(listed), Result.space_id.in_(window_spaces())))


def window_spaces() -> Select[int]:
    """The ids of all spaces of windows."""
    return select(Space.id).where(Space.name.startswith(WINDOW_SPACES, autoescape=True))


def _values(record: Any) -> dict[str, Any]:
    """The fields of a flat dataclass; `asdict` would copy each value deeply, which costs more than the insert."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def _insert(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table.__table__), rows)


def _insert_for_ids(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> list[int]:
    """The ids of new rows, in the rows' order."""
    if not rows:
        return []
    statement = insert(table.__table__).returning(table.__table__.c.id, sort_by_parameter_order=True)
    return list(connection.scalars(statement, rows))


def _asset_ids(connection: Connection, records: Sequence[MediaRecord]) -> dict[bytes, int]:
    """By content; new contents become assets."""
    by_content = {record.content_hash: record for record in reversed(records)}
    known = select(Asset.content_hash, Asset.id).where(Asset.content_hash.in_(list(by_content)))
    ids = dict(connection.execute(known).all())
    new = [record for content_hash, record in by_content.items() if content_hash not in ids]
    rows = [_values(record.facts) | {"content_hash": record.content_hash} for record in new]
    for row in rows:
        del row["words"]  # a table of their own
    made = _insert_for_ids(connection, Asset, rows)
    return ids | {record.content_hash: asset_id for record, asset_id in zip(new, made, strict=True)}


def write_segments(
    connection: Connection, segmentation: tuple[str, str], wanted: Mapping[int, Sequence[SegmentRecord]]
) -> dict[int, list[int]]:
    """The ids of each asset's segments in their order; an asset that was not cut this way yet is cut."""
    known = _known_segments(connection, segmentation, list(wanted))
    new = [asset_id for asset_id in wanted if asset_id not in known]
    method, version = segmentation
    cuts = _insert_for_ids(
        connection, Segmentation, [{"asset_id": asset_id, "method": method, "version": version} for asset_id in new]
    )
    rows = [
        {"segmentation_id": cut, "position": position} | _values(segment)
        for asset_id, cut in zip(new, cuts, strict=True)
        for position, segment in enumerate(wanted[asset_id])
    ]
    made = iter(_insert_for_ids(connection, Segment, rows))
    return known | {asset_id: [next(made) for _ in wanted[asset_id]] for asset_id in new}


def _known_segments(
    connection: Connection, segmentation: tuple[str, str], asset_ids: Sequence[int]
) -> dict[int, list[int]]:
    """By asset, for those that were cut this way."""
    method, version = segmentation
    statement = (
        select(Segmentation.asset_id, Segment.id)
        .outerjoin(Segment, Segment.segmentation_id == Segmentation.id)
        .where(Segmentation.asset_id.in_(asset_ids), Segmentation.method == method, Segmentation.version == version)
        .order_by(Segment.position)
    )
    found: dict[int, list[int]] = {}
    for asset_id, segment_id in connection.execute(statement):
        found.setdefault(asset_id, []).extend([] if segment_id is None else [segment_id])
    return found


def _write_tracks(connection: Connection, tracks: dict[int, PackedTracks]) -> None:
    known = select(Track.asset_id, Track.expert, Track.version).where(Track.asset_id.in_(list(tracks)))
    there = {(asset_id, expert, version) for asset_id, expert, version in connection.execute(known)}
    rows: list[dict[str, Any]] = [
        {"asset_id": asset_id, "expert": expert, "version": version} | _values(stored)
        for asset_id, packed in tracks.items()
        for (expert, version), stored in packed.items()
        if (asset_id, expert, version) not in there
    ]
    _insert(connection, Track, rows)
    forget_expert_failures(connection, {(row["asset_id"], row["expert"]) for row in rows})
    outdate_windows(connection, {row["asset_id"] for row in rows})


def _check_counts(segment_ids: Sequence[int], vectors: Float32Array) -> None:
    if len(segment_ids) != len(vectors):
        raise ValueError(f"expected a vector a segment, got {len(vectors)} vectors for {len(segment_ids)} segments")


def _vectors(space: SpaceRow, segment_ids: Sequence[int], vectors: Float32Array) -> list[dict[str, Any]]:
    return [
        {"space_id": space.id, "segment_id": segment_id, "vector": vector.tobytes()}
        for segment_id, vector in zip(segment_ids, vectors.astype("<f2"), strict=True)
    ]


def _result(asset_id: int, space: SpaceRow) -> dict[str, Any]:
    return {"asset_id": asset_id, "space_id": space.id, "finished_at": _now()}


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
