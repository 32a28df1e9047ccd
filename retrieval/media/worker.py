"""Isolated media workers: a hostile, damaged or endless file costs that file and nothing else.

Each worker is a process of its own, kept by a thread of the parent that sends it tasks, takes in what it answers, and
ends it when it is silent for too long. A worker that hangs, crashes or is killed is replaced: the file that it was at
fails, and those that merely waited there are sent again.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from retrieval.errors import BadMediaError, MediaError, MediaLimitError, TransientMediaError
from retrieval.media import wire
from retrieval.media.jobs import Job, Jobs, Outbox
from retrieval.media.process import WorkerProcess
from retrieval.media.tasks import PARTIAL, DecodeTask, Failed, IdentifyTask, Outcome, PreviewTask, Task
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import MediaKind

__all__ = ["MediaWorkers"]

AHEAD_PER_WORKER = 96
"""Tasks taken from the caller before they are due, so that workers have work while the caller is busy."""
ROOM_BYTES_PER_WORKER = 40_000_000
"""What may wait for the caller: some 250 frames of the usual size, or fifteen screens."""
MOST_SENDINGS = 3
"""A task whose worker dies before beginning it is sent this often."""
ROOM_BYTES_MOST = 160_000_000
"""So much room at most, on a machine of many cores."""
BUSY_SHARE = 0.1
"""A worker that had less than this share of a core in its time was kept waiting, and its file is not to blame. One that
gives way (``niceness`` 5, beside an encoder that takes all cores) has a quarter."""


class MediaWorkers:
    """A pool of media workers, as a context manager.

    >>> with MediaWorkers(processes=2) as workers:
    ...     for outcome in workers.map(tasks):
    ...         ...
    """

    def __init__(
        self,
        limits: MediaLimits | None = None,
        sampling: SamplingSettings | None = None,
        processes: int | None = None,
        niceness: int = 0,
    ) -> None:
        """``processes``: one per core if not given. ``niceness`` is added to the caller's (nice(2))."""
        self._limits = limits or MediaLimits()
        self._jobs = Jobs()
        self._outboxes: set[Outbox] = set()
        self._lock = threading.Lock()
        self._mapping_threads: list[int] = []
        self._keepers = [
            _Keeper(self._jobs, self._limits, sampling or SamplingSettings(), niceness)
            for _ in range(processes or os.cpu_count() or 1)
        ]

    def __enter__(self) -> Self:
        for keeper in self._keepers:
            keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def process_identifiers(self) -> list[int]:
        """The ids of the worker processes that run now."""
        return [identifier for keeper in self._keepers if (identifier := keeper.process_identifier) is not None]

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Do all tasks. Each is closed by exactly one outcome that is no :class:`DecodedFrame` or
        :class:`DecodedPiece`.

        Outcomes of one task come in order, those of several intermingled. Tasks are taken in the calling thread, a
        bounded number ahead; workers wait while the caller is behind. Leaving the loop ends the work.

        Raises:
            TransientMediaError: workers can't be started on this machine now.
        """
        outbox = self._opened_outbox(min(ROOM_BYTES_MOST, ROOM_BYTES_PER_WORKER * len(self._keepers)))
        self._mapping_threads.append(threading.get_ident())
        try:
            yield from self._mapped(iter(tasks), outbox)
        finally:
            self._mapping_threads.remove(threading.get_ident())
            self._close_outbox(outbox)

    def _mapped(self, tasks: Iterator[Task], outbox: Outbox) -> Iterator[Outcome]:
        ahead = AHEAD_PER_WORKER * len(self._keepers)
        unfinished, is_exhausted = 0, False
        while True:
            while not is_exhausted and unfinished < ahead:
                task = next(tasks, None)
                is_exhausted = task is None
                if task is not None:
                    self._jobs.add(Job(task, outbox))
                    unfinished += 1
            if not unfinished:
                return
            outcome = outbox.get()
            unfinished -= not isinstance(outcome, PARTIAL)
            yield outcome

    def run(self, task: Task) -> list[Outcome]:
        """Do one task before all that wait, and give all its outcomes; the last one closes it.

        May be called by several threads at once, but not inside a loop over :meth:`map`, whose workers may be waiting
        for that very loop.

        Raises:
            RuntimeError: called inside a loop over :meth:`map`.
            TransientMediaError: workers can't be started on this machine now.
        """
        if threading.get_ident() in self._mapping_threads:
            raise RuntimeError("run() inside a loop over map() could wait for itself; use other MediaWorkers for it")
        outbox = self._opened_outbox(ROOM_BYTES_PER_WORKER)
        try:
            self._jobs.put_first([Job(task, outbox)])
            outcomes = [outbox.get()]
            while isinstance(outcomes[-1], PARTIAL):
                outcomes.append(outbox.get())
            return outcomes
        finally:
            self._close_outbox(outbox)

    def close(self) -> None:
        """End all workers at once. What they had not finished is lost; callers that wait get a RuntimeError."""
        self._jobs.close()
        with self._lock:
            outboxes = list(self._outboxes)
        for outbox in outboxes:
            outbox.close()
            outbox.fail(RuntimeError("the media workers were closed; open new ones"))
        for keeper in self._keepers:
            keeper.stop()

    def _opened_outbox(self, room_bytes: int) -> Outbox:
        if self._jobs.is_closed or not self._keepers[0].is_running:
            raise RuntimeError("the media workers are not running; use them inside `with MediaWorkers(...)`")
        outbox = Outbox(room_bytes)
        with self._lock:
            self._outboxes.add(outbox)
        return outbox

    def _close_outbox(self, outbox: Outbox) -> None:
        outbox.close()
        self._jobs.drop(outbox)
        with self._lock:
            self._outboxes.discard(outbox)


class _Keeper:
    """A thread that keeps one worker process: gives it jobs, and replaces it when it is lost."""

    def __init__(self, jobs: Jobs, limits: MediaLimits, sampling: SamplingSettings, niceness: int) -> None:
        self._thread = threading.Thread(target=self._keep, name="media-worker-keeper", daemon=True)
        self._jobs = jobs
        self._limits = limits
        self._sampling = sampling
        self._niceness = niceness
        self._process: WorkerProcess | None = None
        self._held: deque[Job] = deque()
        self._processor_seconds = 0.0

    @property
    def process_identifier(self) -> int | None:
        """The id of its worker process, if that runs."""
        process = self._process
        return process.identifier if process is not None and process.is_alive else None

    @property
    def is_running(self) -> bool:
        """Whether its thread was started and goes on."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, which starts its worker at once."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker and wait for the thread. The jobs must be closed already."""
        process = self._process
        if process is not None and process.is_alive:
            os.kill(process.identifier, signal.SIGKILL)
        if self.is_running:
            self._thread.join()

    def _keep(self) -> None:
        with suppress(TransientMediaError):  # told as soon as there is a caller to tell
            self._started()
        while self._take_jobs():
            try:
                self._take_message()
            except TimeoutError:
                self._lose(self._timeout_error())
            except wire.Closed:
                self._lose(None)
            except (ValueError, KeyError, TypeError) as exc:
                self._lose(BadMediaError(f"its media worker answered nonsense ({exc}); the file may be hostile"))
        self._end()

    def _take_jobs(self) -> bool:
        """Hold at least one job, and one behind it if that is soon begun. False when there will be none."""
        while not self._jobs.is_closed:
            if self._held and not (len(self._held) == 1 and _is_quick(self._held[0].task)):
                return True
            job = self._jobs.take(wait=not self._held)
            if job is None:
                return bool(self._held)
            self._hold(job)
        return False

    def _hold(self, job: Job) -> None:
        job.sendings += 1
        try:
            process = self._started()
        except TransientMediaError as exc:
            job.outbox.fail(exc)
            return
        self._held.append(job)
        try:
            process.send(wire.task_message(job.task))
        except wire.Closed:
            self._lose(None)

    def _started(self) -> WorkerProcess:
        if self._process is not None and not self._held and not self._process.is_alive:
            self._end()
        if self._process is None:
            self._process = WorkerProcess.start(self._limits, self._sampling, self._niceness)
        return self._process

    def _take_message(self) -> None:
        if self._process is None:  # lost while sending
            return
        job = self._held[0]
        head, body = self._process.receive(self._patience(job.task))
        if job.outbox.is_closed:
            self._lose(TransientMediaError("nobody waits for it any more"))
        elif "began" in head:
            job.has_begun = True
            self._processor_seconds = self._process.processor_seconds()
        elif "outcome" in head:
            self._deliver(job, wire.outcome_from(head, body))

    def _deliver(self, job: Job, outcome: Outcome) -> None:
        if not isinstance(outcome, PARTIAL):
            self._held.popleft()
        job.outbox.put(outcome)
        if self._process is not None and isinstance(outcome, PARTIAL):
            self._processor_seconds = self._process.processor_seconds()

    def _patience(self, task: Task) -> float:
        """How many seconds of silence are allowed at a task."""
        return self._limits.picture_seconds if _is_picture(task) else self._limits.video_seconds_base

    def _timeout_error(self) -> MediaError:
        seconds = self._patience(self._held[0].task)
        used = 0.0 if self._process is None else self._process.processor_seconds() - self._processor_seconds
        if used < BUSY_SHARE * seconds:
            return TransientMediaError(
                f"no progress for {seconds:g} s while disk or machine were busy; it is tried again at the next run"
            )
        return MediaLimitError(f"took longer than {seconds:g} s without a result; make a smaller copy")

    def _lose(self, error: MediaError | None) -> None:
        """Replace the worker. The job that it was at fails (by ``error``, or as its exit tells); others go back."""
        code = self._end()
        held, self._held = list(self._held), deque()
        if held and (error is not None or held[0].has_begun or held[0].sendings >= MOST_SENDINGS):
            lost = held.pop(0)
            lost.outbox.put(Failed(lost.task.key, error or _crash(code)))
        self._jobs.put_first(job for job in held if not job.outbox.is_closed)

    def _end(self) -> int:
        process, self._process = self._process, None
        return 0 if process is None else process.kill()


def _is_picture(task: Task) -> bool:
    is_video = isinstance(task, PreviewTask) or (isinstance(task, DecodeTask) and task.kind != MediaKind.PICTURE)
    return not isinstance(task, IdentifyTask) and not is_video


def _is_quick(task: Task) -> bool:
    """Whether another task may wait behind this one, rather than for whichever worker is free first."""
    return isinstance(task, IdentifyTask) or _is_picture(task)


def _crash(code: int) -> MediaError:
    if code == -signal.SIGKILL:
        return TransientMediaError(
            "its media worker was killed from outside, perhaps for want of memory; it is tried again at the next run"
        )
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return BadMediaError(f"the decoder crashed on it ({how}); copy it again from its source, or convert it")
