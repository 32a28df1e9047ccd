"""The work of a run: identify, decode what is wanted, encode it in shared batches, and commit it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from indexer.pipeline import FrameEncoder, FrameRow, record_of
from indexer.plan import Plan, VerdictKind
from indexer.report import IndexReport, Progress, ProgressCallback
from retrieval.errors import BadMediaError, MediaError, TransientMediaError
from retrieval.experts.appearance import Appearance
from retrieval.media.files import Identity
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed, Finished, Identified, IdentifyTask, Outcome
from retrieval.media.worker import MediaWorkers
from retrieval.paths import display_of
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.store.catalog import SpaceRow
from retrieval.store.intake import Intake, PendingFile
from retrieval.store.results import FailureRecord, MediaRecord
from retrieval.types import MediaKind

__all__ = ["Work"]

_FILES_PER_LOOK = 256
_FILES_PER_JUDGEMENT = 16
_RECORDS_PER_COMMIT = 256
_SECONDS_BETWEEN_PROGRESS = 0.1


class Work:
    """Works on a list of files; the report counts what came of it.

    A file passes through: waiting -> identified -> (linked | embedded from tracks | waiting for a twin | decoded) ->
    encoded -> committed. Nothing is counted before it is committed or recorded as failed.
    """

    def __init__(
        self,
        intake: Intake,
        space: Space,
        space_row: SpaceRow,
        settings: Settings,
        report: IndexReport,
        progress: ProgressCallback | None,
        notice: Callable[[str], None],
        tried_with: str,
    ) -> None:
        self._intake = intake
        self._space = space
        self._space_row = space_row
        self._settings = settings
        self._report = report
        self._progress = progress
        self._notice = notice
        self._tried_with = tried_with
        self._appearance = Appearance()
        self._encoder = FrameEncoder(self._appearance, space, settings.index.batch_size)
        self._plan = Plan(intake, space_row, (self._appearance.name, self._appearance.version))
        self._wanted: deque[PendingFile] = deque()
        self._files: dict[int, PendingFile] = {}
        self._identities: dict[int, Identity] = {}
        self._identified: list[Identified] = []
        self._records: list[MediaRecord] = []
        self._failures: list[FailureRecord] = []
        self._done = 0
        self._total = 0
        self._started = self._last_commit = time.monotonic()
        self._last_progress = 0.0

    def run(self, file_ids: Sequence[int]) -> None:
        """Work on every file. On Ctrl-C, what is finished is committed before the interrupt goes on."""
        self._total = len(file_ids)
        if not file_ids:
            return
        try:
            self._run_workers(file_ids)
        finally:
            self._commit()
            self._tell(None, force=True)

    def _run_workers(self, file_ids: Sequence[int]) -> None:
        settings = self._settings
        waiting = self._waiting(file_ids)
        with MediaWorkers(settings.limits, settings.sampling, processes=settings.index.workers) as workers:
            has_more = True
            while has_more:
                for outcome in workers.map(self._tasks(waiting)):
                    self._take(outcome)
                    self._commit_if_due()
                # Files that were identified last may be wanted still.
                self._settle()
                has_more = bool(self._wanted)
            self._keep(self._encoder.flush())

    # -- tasks -----------------------------------------------------------------------------------------------

    def _waiting(self, file_ids: Sequence[int]) -> Iterator[PendingFile]:
        remaining = iter(file_ids)
        while chunk := list(islice(remaining, _FILES_PER_LOOK)):
            yield from self._intake.files(chunk)

    def _tasks(self, waiting: Iterator[PendingFile]) -> Iterator[IdentifyTask | DecodeTask]:
        """Decode what is known to be wanted; identify more while nothing is.

        Ends when nothing is known to be wanted *now*: what is being identified may call for another round.
        """
        while True:
            if self._wanted:
                file = self._wanted.popleft()
                yield DecodeTask(file.id, file.path, MediaKind(file.kind))
            elif (found := next(waiting, None)) is not None:
                self._files[found.id] = found
                yield IdentifyTask(found.id, found.path)
            else:
                return

    # -- outcomes --------------------------------------------------------------------------------------------

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case Identified():
                self._identities[outcome.key] = outcome.identity
                self._identified.append(outcome)
                if len(self._identified) >= _FILES_PER_JUDGEMENT:
                    self._settle()
            case DecodedFrame():
                self._keep(self._encoder.add(outcome))
            case Finished():
                self._finish(outcome)
            case Failed():
                self._fail(outcome.key, "decode" if outcome.key in self._identities else "identify", outcome.error)
        self._tell(outcome)

    def _settle(self) -> None:
        """The contents of files are known: link them, embed them from what is kept, let them wait, or decode them."""
        identified, self._identified = self._identified, []
        verdicts = self._plan.judge([(found.key, found.identity.content_hash) for found in identified])
        for file_id, verdict in verdicts.items():
            if verdict.kind is VerdictKind.DECODE:
                self._wanted.append(self._files[file_id])
            elif verdict.asset_id is not None:
                if verdict.kind is VerdictKind.EMBED:
                    self._embed_from_tracks(verdict.asset_id)
                self._link([file_id], verdict.asset_id)

    def _embed_from_tracks(self, asset_id: int) -> None:
        track = self._intake.read_track(asset_id, self._appearance.name, self._appearance.version)
        assert track is not None, asset_id  # the plan saw it
        features = track.features.astype(np.float32)
        vectors = self._space.embed_segments(features, self._appearance.classify(features))
        self._intake.embed(self._space_row, asset_id, vectors)

    def _link(self, file_ids: Sequence[int], asset_id: int) -> None:
        if file_ids:
            self._intake.link([(file_id, asset_id) for file_id in file_ids])
        for file_id in file_ids:
            # A file that was only read again, at a person's wish, is no new copy.
            self._report.copied += self._files[file_id].asset_id != asset_id
            self._forget(file_id)

    def _finish(self, end: Finished) -> None:
        identity = self._identities[end.key]
        at_identification = (identity.size_bytes, identity.mtime_ns, identity.inode)
        if (end.stat.size_bytes, end.stat.mtime_ns, end.stat.inode) != at_identification:
            error = TransientMediaError("the file changed while it was read; it is tried again at the next run")
            self._fail(end.key, "decode", error)
            return
        if end.note:
            self._notice(f"{display_of(self._files[end.key].path)}: {end.note}")
        self._keep(self._encoder.add(end))

    def _keep(self, finished: Iterator[tuple[Finished, list[FrameRow]]]) -> None:
        for end, rows in finished:
            content_hash = self._identities[end.key].content_hash
            try:
                self._records.append(record_of(end, content_hash, rows, self._appearance, self._space))
            except BadMediaError as error:
                self._fail(end.key, "encode", error)

    def _fail(self, file_id: int, stage: str, error: MediaError) -> None:
        self._encoder.drop(file_id)
        permanent = not isinstance(error, TransientMediaError)
        identity = self._identities.get(file_id)
        twins = self._plan.release(identity.content_hash) if identity else []
        for failed in (file_id, *twins):
            self._failures.append(FailureRecord(failed, stage, str(error), permanent, self._tried_with))

    def _forget(self, file_id: int) -> None:
        self._files.pop(file_id, None)
        self._identities.pop(file_id, None)
        self._done += 1

    # -- commits and progress --------------------------------------------------------------------------------

    def _commit_if_due(self) -> None:
        waited = time.monotonic() - self._last_commit
        if len(self._records) >= _RECORDS_PER_COMMIT or waited >= self._settings.index.commit_seconds:
            self._commit()

    def _commit(self) -> None:
        self._last_commit = time.monotonic()
        records, self._records = self._records, []
        failures, self._failures = self._failures, []
        if not records and not failures:
            return
        asset_ids = self._intake.write(self._space_row, records, failures)
        for record, asset_id in zip(records, asset_ids, strict=True):
            self._count(record)
            self._forget(record.file_id)
            self._link(self._plan.release(record.content_hash), asset_id)
        for failure in failures:
            self._report.failed += 1
            self._forget(failure.file_id)

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

    def _tell(self, outcome: Outcome | None, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._progress is None or (not force and now - self._last_progress < _SECONDS_BETWEEN_PROGRESS):
            return
        self._last_progress = now
        self._progress(
            Progress(
                self._done,
                self._total,
                self._report.pictures,
                self._report.video_seconds,
                self._report.failed,
                now - self._started,
                outcome.frame.time_seconds if isinstance(outcome, DecodedFrame) else None,
            )
        )
