"""The work of a run: decode what is wanted, encode it in shared batches, commit it before it counts as done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from indexer.pipeline import FrameEncoder, FrameRow, record_of
from indexer.plan import Plan, Verdict, VerdictKind
from indexer.report import IndexReport, Progress, ProgressCallback
from retrieval.errors import BadMediaError
from retrieval.experts.appearance import Appearance
from retrieval.media.worker import DecodedFrame, DecodeTask, Failed, Finished, MediaWorkers, Unwanted
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.store.catalog import SpaceRow
from retrieval.store.intake import FailureRecord, Intake, MediaRecord
from retrieval.types import MediaKind

__all__ = ["Work"]

_FILES_PER_LOOK = 256
_RECORDS_PER_COMMIT = 256
_SECONDS_BETWEEN_PROGRESS = 0.1


class Work:
    """Works on a list of files; the report counts what came of it."""

    def __init__(
        self,
        intake: Intake,
        space: Space,
        space_row: SpaceRow,
        settings: Settings,
        report: IndexReport,
        progress: ProgressCallback | None,
        tried_with: str,
    ) -> None:
        self._intake = intake
        self._space = space
        self._space_row = space_row
        self._settings = settings
        self._report = report
        self._progress = progress
        self._tried_with = tried_with
        self._appearance = Appearance()
        self._encoder = FrameEncoder(self._appearance, settings.index.batch_size)
        self._plan = Plan(intake, space_row, (self._appearance.name, self._appearance.version))
        self._records: list[MediaRecord] = []
        self._failures: list[FailureRecord] = []
        self._hashes: dict[int, bytes] = {}
        self._done = 0
        self._total = 0
        self._started = self._last_commit = time.monotonic()
        self._last_progress = 0.0

    def run(self, file_ids: Sequence[int]) -> None:
        """Work on every file; on Ctrl-C, commit the files that are finished and raise it again."""
        self._total = len(file_ids)
        try:
            self._run_workers(file_ids)
        finally:
            self._commit()
            self._tell(force=True)

    def _run_workers(self, file_ids: Sequence[int]) -> None:
        settings = self._settings
        with MediaWorkers(settings.limits, settings.sampling, processes=settings.index.workers) as workers:
            for outcome in workers.map(self._tasks(file_ids), wanted=self._plan.decide):
                match outcome:
                    case DecodedFrame() | Finished():
                        self._keep(self._encoder.add(outcome))
                        self._tell(outcome)
                    case Unwanted():
                        self._settle(outcome.key)
                    case Failed():
                        self._fail(outcome)
                self._commit_if_due()
            self._keep(self._encoder.flush())

    def _tasks(self, file_ids: Sequence[int]) -> Iterator[DecodeTask]:
        remaining = iter(file_ids)
        while chunk := list(islice(remaining, _FILES_PER_LOOK)):
            for file in self._intake.files(chunk):
                yield DecodeTask(file.id, file.path, MediaKind(file.kind))

    # -- a file's end ----------------------------------------------------------------------------------------

    def _keep(self, finished: Iterator[tuple[Finished, list[FrameRow]]]) -> None:
        for end, rows in finished:
            verdict = self._plan.take(end.key)
            assert verdict is not None, end.key
            try:
                record = record_of(end, verdict.content_hash, rows, self._appearance, self._space)
            except BadMediaError as error:
                self._record_failure(end.key, verdict, "encode", str(error), permanent=True)
                continue
            self._records.append(record)
            self._count(record)

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
        self._done += 1

    def _settle(self, file_id: int) -> None:
        """A file whose content needs no decoding."""
        verdict = self._plan.take(file_id)
        assert verdict is not None, file_id
        match verdict.kind:
            case VerdictKind.LINK:
                assert verdict.asset_id is not None
                self._link([file_id], verdict.asset_id)
            case VerdictKind.EMBED:
                assert verdict.asset_id is not None
                self._embed_from_tracks(file_id, verdict.asset_id)
            case _:
                pass  # it waits for another file's end

    def _link(self, file_ids: Sequence[int], asset_id: int) -> None:
        self._intake.link([(file_id, asset_id) for file_id in file_ids])
        self._report.copied += len(file_ids)
        self._done += len(file_ids)

    def _embed_from_tracks(self, file_id: int, asset_id: int) -> None:
        track = self._intake.read_track(asset_id, self._appearance.name, self._appearance.version)
        assert track is not None, asset_id
        features = track.features.astype(np.float32)
        embeddings = self._space.embed_segments(features, self._appearance.classify(features))
        self._intake.embed(self._space_row, asset_id, embeddings)
        self._link([file_id], asset_id)

    def _fail(self, outcome: Failed) -> None:
        self._encoder.drop(outcome.key)
        verdict = self._plan.take(outcome.key)
        self._record_failure(outcome.key, verdict, "decode", outcome.reason, permanent=outcome.permanent)

    def _record_failure(self, key: int, verdict: Verdict | None, stage: str, reason: str, *, permanent: bool) -> None:
        same_content = self._plan.release(verdict.content_hash) if verdict else []
        for file_id in (key, *same_content):
            self._failures.append(FailureRecord(file_id, stage, reason, permanent, self._tried_with))
            self._report.failed += 1
            self._done += 1

    # -- commits and progress --------------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        waited = time.monotonic() - self._last_commit
        if len(self._records) >= _RECORDS_PER_COMMIT or waited >= self._settings.index.commit_seconds:
            self._commit()

    def _commit(self) -> None:
        self._last_commit = time.monotonic()
        if not self._records and not self._failures:
            return
        assets = self._intake.write(self._space_row, self._records, self._failures)
        records, self._records, self._failures = self._records, [], []
        for record, asset_id in zip(records, assets, strict=True):
            self._link(self._plan.release(record.content_hash), asset_id)

    def _tell(self, outcome: DecodedFrame | Finished | None = None, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._progress is None or (not force and now - self._last_progress < _SECONDS_BETWEEN_PROGRESS):
            return
        self._last_progress = now
        at_seconds = outcome.frame.time_seconds if isinstance(outcome, DecodedFrame) else None
        self._progress(
            Progress(
                self._done,
                self._total,
                self._report.pictures,
                self._report.video_seconds,
                self._report.failed,
                now - self._started,
                at_seconds,
            )
        )
