"""The work of a run: identify, decode what is wanted, encode it in shared batches, and commit it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from indexer.batch import Batch
from indexer.job import Job
from indexer.listening import Heard, Listening
from indexer.meter import Meter
from indexer.pipeline import FrameEncoder, FrameRow, record_of
from indexer.plan import Plan, VerdictKind
from indexer.report import IndexReport
from retrieval.errors import BadMediaError, MediaError, TransientMediaError
from retrieval.experts.expert import FrameExpert
from retrieval.experts.extraction import Testimony
from retrieval.experts.over_time import sampling_for
from retrieval.media.files import Identity
from retrieval.media.pieces import Stream
from retrieval.media.tasks import (
    DecodedFrame,
    DecodedPiece,
    DecodeTask,
    Failed,
    Finished,
    Identified,
    IdentifyTask,
    Outcome,
)
from retrieval.media.worker import MediaWorkers
from retrieval.paths import display_of
from retrieval.store.expert_failures import ExpertFailureRecord
from retrieval.store.intake import PendingFile
from retrieval.store.results import FailureRecord, MediaRecord, TrackRecord
from retrieval.types import MediaKind

__all__ = ["Work"]

_FILES_PER_LOOK = 256
_FILES_PER_JUDGEMENT = 64
_DECODER_NICENESS = 5
"""Where both want the cores, the encoder goes on with what is decoded: they change places less often."""
_VECTORS_PER_INDEX = 20_000
"""New vectors after which the vector index is brought up to date, so that searches meanwhile start quickly."""


class Work:
    """Works on a list of files; the report counts what came of it.

    A file passes through: identified -> (linked | waiting for its twin | decoded -> encoded) -> committed.
    """

    def __init__(self, job: Job, expert: FrameExpert, report: IndexReport, meter: Meter) -> None:
        self._job = job
        self._report = report
        self._meter = meter
        self._encoder = FrameEncoder(expert, job.space, job.settings.index.batch_size)
        self._listening = Listening(job)
        self._plan = Plan(job.intake, job.space_row, job.expert)
        self._batch = Batch(job.intake, job.space_row, report, job.settings.index.commit_seconds, job.tried_with)
        self._wanted: deque[PendingFile] = deque()
        self._files: dict[int, PendingFile] = {}
        self._identities: dict[int, Identity] = {}
        self._identified: list[Identified] = []
        self._vectors_since_index = 0

    def run(self, file_ids: Sequence[int]) -> None:
        """Work on every file. On Ctrl-C, what is finished is committed before the interrupt goes on."""
        if not file_ids:
            return
        try:
            self._run_workers(file_ids)
        finally:
            while self._batch:  # a commit may free twins, whose links are the next
                self._commit()
            self._meter.tell(now=True)

    def _run_workers(self, file_ids: Sequence[int]) -> None:
        settings = self._job.settings
        waiting = self._waiting(file_ids)
        workers = MediaWorkers(
            settings.limits,
            sampling_for(self._job.time_experts, settings.sampling),
            processes=settings.index.workers,
            niceness=_DECODER_NICENESS,
        )
        with self._encoder, self._listening, workers:
            has_more = True
            while has_more:
                for outcome in workers.map(self._tasks(waiting)):
                    self._take(outcome)
                    if self._batch.is_due:
                        self._commit()
                self._settle()
                self._keep(self._encoder.flush())
                for heard in self._listening.rest():
                    self._record(heard)
                    if self._batch.is_due:
                        self._commit()
                # Files that were identified last, or whose twin failed, are wanted still.
                has_more = bool(self._wanted)

    def _waiting(self, file_ids: Sequence[int]) -> Iterator[PendingFile]:
        remaining = iter(file_ids)
        while chunk := list(islice(remaining, _FILES_PER_LOOK)):
            yield from self._job.intake.files(chunk)

    def _tasks(self, waiting: Iterator[PendingFile]) -> Iterator[IdentifyTask | DecodeTask]:
        """Decode what is known to be wanted; identify more while nothing is.

        Ends when nothing is known to be wanted *now*: what is being identified may call for another round.
        """
        while True:
            if self._wanted:
                yield self._decode_task(self._wanted.popleft())
            elif (found := next(waiting, None)) is not None:
                self._files[found.id] = found
                yield IdentifyTask(found.id, found.path)
            else:
                return

    def _decode_task(self, file: PendingFile) -> DecodeTask:
        kind = MediaKind(file.kind)
        wants = self._plan.wants(self._identities[file.id].content_hash)
        if wants.frames:
            self._encoder.prepare()
        streams = frozenset({Stream.FRAMES})
        if kind is not MediaKind.PICTURE:
            streams = self._listening.begin(file.id, wants.experts, wants_frames=wants.frames)
        return DecodeTask(file.id, file.path, kind, streams=streams)

    # -- outcomes --------------------------------------------------------------------------------------------

    def _take(self, outcome: Outcome) -> None:
        match outcome:
            case Identified():
                self._identities[outcome.key] = outcome.identity
                self._identified.append(outcome)
                if len(self._identified) >= _FILES_PER_JUDGEMENT:
                    self._settle()
            case DecodedFrame():
                self._listening.add(outcome.key, outcome.frame)
                if self._plan.wants(self._identities[outcome.key].content_hash).frames:
                    self._keep(self._encoder.add(outcome))
            case DecodedPiece():
                self._listening.add(outcome.key, outcome.piece)
            case Finished():
                self._finish(outcome)
            case Failed():
                self._fail(outcome.key, "decode" if outcome.key in self._identities else "identify", outcome.error)
        for heard in self._listening.ready():
            self._record(heard)
        self._meter.tell(outcome.frame.time_seconds if isinstance(outcome, DecodedFrame) else None)

    def _settle(self) -> None:
        """The contents of files are known: link them, let them wait for a twin, or decode them."""
        identified, self._identified = self._identified, []
        if not identified:
            return
        verdicts = self._plan.judge(
            [
                (found.key, found.identity.content_hash, self._files[found.key].kind != MediaKind.PICTURE.value)
                for found in identified
            ]
        )
        for file_id, verdict in verdicts.items():
            if verdict.kind is VerdictKind.DECODE:
                self._wanted.append(self._files[file_id])
            elif verdict.asset_id is not None:
                self._link(file_id, verdict.asset_id)

    def _link(self, file_id: int, asset_id: int) -> None:
        # A file that was only touched, or read again at a person's wish, is no new copy.
        self._report.copied += self._files[file_id].asset_id != asset_id
        self._batch.add_link(file_id, asset_id)

    def _finish(self, end: Finished) -> None:
        identity = self._identities[end.key]
        at_identification = (identity.size_bytes, identity.mtime_ns, identity.inode)
        if (end.stat.size_bytes, end.stat.mtime_ns, end.stat.inode) != at_identification:
            error = TransientMediaError("the file changed while it was read; it is tried again at the next run")
            self._fail(end.key, "decode", error)
            return
        if end.note:
            self._job.notice(f"{display_of(self._files[end.key].path)}: {end.note}")
        self._listening.finish(end)
        if self._plan.wants(identity.content_hash).frames:
            self._keep(self._encoder.add(end))

    def _keep(self, finished: Iterator[tuple[Finished, list[FrameRow]]]) -> None:
        for end, rows in finished:
            for heard in self._listening.encoded(end, rows):
                self._record(heard)

    def _record(self, heard: Heard) -> None:
        """All is known of a file: it goes into the next commit."""
        end, testimony = heard.end, heard.testimony
        content_hash = self._identities[end.key].content_hash
        for line in testimony.failures:
            self._job.notice(f"{display_of(self._files[end.key].path)}: {line}")
        tracks, failed = dict(testimony.tracks), self._failed_experts(testimony)
        if heard.rows is None:
            self._batch.add_tracks(TrackRecord(end.key, content_hash, tracks, testimony.texts, failed))
            return
        try:
            record = record_of(end, content_hash, heard.rows, self._job.expert[1], self._job.space.dim)
        except BadMediaError as error:
            self._fail(end.key, "encode", error)
        else:
            whole = replace(record, tracks=record.tracks | tracks, texts=testimony.texts, failed_experts=failed)
            self._batch.add_record(whole)

    def _failed_experts(self, testimony: Testimony) -> list[ExpertFailureRecord]:
        return [
            ExpertFailureRecord(name, version, line, self._job.tried_with, is_of_moment=is_of_moment)
            for lines, is_of_moment in ((testimony.failed, False), (testimony.put_off, True))
            for (name, version), line in lines.items()
        ]

    def _fail(self, file_id: int, stage: str, error: MediaError) -> None:
        """Record it; files of the same content fail alike, unless another try may go better for them."""
        self._encoder.drop(file_id)
        self._listening.drop(file_id)
        permanent = not isinstance(error, TransientMediaError)
        failed = [file_id]
        if (identity := self._identities.get(file_id)) is not None:
            twins = self._plan.release(identity.content_hash)
            kind = self._files[file_id].kind
            alike = [twin for twin in twins if permanent and self._files[twin].kind == kind]
            failed += alike
            promoted = self._plan.promote(identity.content_hash, [twin for twin in twins if twin not in alike])
            if promoted is not None:
                self._wanted.append(self._files[promoted])
        for failed_id in failed:
            self._batch.add_failure(FailureRecord(failed_id, stage, str(error), permanent, self._job.tried_with))

    # -- commits ---------------------------------------------------------------------------------------------

    def _commit(self) -> None:
        records, done = self._batch.commit()
        for record, asset_id in records:
            for twin in self._plan.release(record.content_hash):
                self._link(twin, asset_id)
            self._forget(record.file_id)
        for file_id in done:
            self._forget(file_id)
        self._meter.finish(len(records) + len(done))
        self._update_index([record for record, _ in records if isinstance(record, MediaRecord)])

    def _forget(self, file_id: int) -> None:
        self._files.pop(file_id, None)
        self._identities.pop(file_id, None)

    def _update_index(self, records: Sequence[MediaRecord]) -> None:
        self._vectors_since_index += sum(len(record.segments) for record in records)
        if self._vectors_since_index >= _VECTORS_PER_INDEX:
            self._vectors_since_index = 0
            self._job.update_index()
