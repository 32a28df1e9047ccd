"""What is finished and not committed yet: links, records and failures go in together, every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from indexer.report import IndexReport
from retrieval.store.catalog import SpaceRow
from retrieval.store.intake import Intake
from retrieval.store.results import FailureRecord, MediaRecord, TrackRecord
from retrieval.types import MediaKind

__all__ = ["Batch", "Committed", "by_bytes"]

_ENTRIES_MOST = 256
_BYTES_MOST: Final = 32 << 20
"""Of vectors that wait to be committed, unless those of one asset are more: some 2,000 windows of mmt/starter, 17,000
frames of starter. While they are written, the catalog's driver holds them once more."""

_Item = TypeVar("_Item")

Committed = tuple[list[tuple[MediaRecord | TrackRecord, int]], list[int]]
"""Records with their asset ids, and the ids of files whose link or failure was committed."""


def by_bytes(items: Iterable[_Item], size: Callable[[_Item], int], most: int = _BYTES_MOST) -> Iterator[list[_Item]]:
    """``items`` in lists to commit at once, each given as soon as its bytes by ``size`` reach ``most``.

    Hours of video have as many vectors as thousands of pictures: a number of assets bounds no memory.
    """
    waiting: list[_Item] = []
    held = 0
    for item in items:
        waiting.append(item)
        held += size(item)
        if held >= most:
            yield waiting
            waiting, held = [], 0
    if waiting:
        yield waiting


class Batch:
    """Gathers until it is due. Nothing is counted in the report before it is committed."""

    def __init__(self, intake: Intake, space: SpaceRow, report: IndexReport, seconds: float, tried_with: str) -> None:
        self._intake = intake
        self._space = space
        self._report = report
        self._seconds = seconds
        self._tried_with = tried_with
        self._began = time.monotonic()
        self._records: list[MediaRecord] = []
        self._tracks: list[TrackRecord] = []
        self._failures: list[FailureRecord] = []
        self._links: list[tuple[int, int]] = []

    def add_record(self, record: MediaRecord) -> None:
        """A file that was decoded and encoded."""
        self._records.append(record)

    def add_tracks(self, record: TrackRecord) -> None:
        """A file of known content, of which experts were asked that had not been."""
        self._tracks.append(record)

    def add_failure(self, failure: FailureRecord) -> None:
        """A file that can't be used."""
        self._failures.append(failure)

    def add_link(self, file_id: int, asset_id: int) -> None:
        """A file whose content is known."""
        self._links.append((file_id, asset_id))

    def __len__(self) -> int:
        return len(self._records) + len(self._tracks) + len(self._failures) + len(self._links)

    @property
    def is_due(self) -> bool:
        """Whether it is full, or has waited long enough."""
        waited = time.monotonic() - self._began
        return len(self) >= _ENTRIES_MOST or (len(self) > 0 and waited >= self._seconds)

    def commit(self) -> Committed:
        """Commit everything that was gathered."""
        self._began = time.monotonic()
        records, tracks, failures, links = self._records, self._tracks, self._failures, self._links
        self._records, self._tracks, self._failures, self._links = [], [], [], []
        if links:
            self._intake.link(links)
        records, failures = self._without_wrongly_cut(records, failures)
        asset_ids = self._intake.write(self._space, records, failures) if records or failures else []
        for record in records:
            self._count(record)
        heard = list(zip(tracks, self._intake.add_tracks(tracks) if tracks else [], strict=True))
        self._report.heard += len(heard)
        self._report.failed += len(failures)
        done = [file_id for file_id, _ in links] + [failure.file_id for failure in failures]
        return [*zip(records, asset_ids, strict=True), *heard], done

    def _without_wrongly_cut(
        self, records: list[MediaRecord], failures: list[FailureRecord]
    ) -> tuple[list[MediaRecord], list[FailureRecord]]:
        """Vectors must not land on segments that stand for other times, so such files count as failed."""
        wrong = self._intake.wrongly_cut(records) if records else set()
        reason = "it was cut into another number of segments before by the same rules; please report this file"
        refused = [
            FailureRecord(record.file_id, "store", reason, True, self._tried_with)
            for record in records
            if record.content_hash in wrong
        ]
        return [record for record in records if record.content_hash not in wrong], failures + refused

    def _count(self, record: MediaRecord) -> None:
        self._report.indexed += 1
        match record.facts.kind:
            case MediaKind.PICTURE:
                self._report.pictures += 1
            case MediaKind.VIDEO:
                self._report.videos += 1
                self._report.video_seconds += record.facts.duration_seconds or 0.0
            case MediaKind.SOUND:
                self._report.sounds += 1
