"""The two queues between a caller and the keepers of media workers: jobs to do, and outcomes to fetch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Condition
from typing import Final

from retrieval.media.pieces import ClipFrames, FramePair, ScreenFrame, SoundPiece
from retrieval.media.tasks import DecodedFrame, DecodedPiece, Outcome, PreviewMade, Task, ThumbnailMade

__all__ = ["Job", "Jobs", "Outbox"]


_LEAST_BYTES: Final = 1000
"""Of any outcome: what a few objects take."""


class Outbox:
    """Outcomes that a caller has not fetched yet: a full one holds up the workers that fill it."""

    def __init__(self, room_bytes: int) -> None:
        """``room_bytes``: it is full when what waits holds as many."""
        self._room_bytes = room_bytes
        self._outcomes: deque[Outcome] = deque()
        self._held_bytes = 0
        self._changed = Condition()
        self._error: BaseException | None = None
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nobody will fetch any more."""
        return self._closed

    def put(self, outcome: Outcome) -> None:
        """Add an outcome, waiting for room. Once closed, outcomes are dropped."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._held_bytes < self._room_bytes)
            if not self._closed:
                self._outcomes.append(outcome)
                self._held_bytes += _bytes_of(outcome)
                self._changed.notify_all()

    def get(self) -> Outcome:
        """Fetch the next outcome, waiting for it. Raises what :meth:`fail` was given."""
        with self._changed:
            self._changed.wait_for(lambda: self._outcomes or self._error)
            if not self._outcomes and self._error is not None:
                raise self._error
            outcome = self._outcomes.popleft()
            self._held_bytes -= _bytes_of(outcome)
            self._changed.notify_all()
            return outcome

    def fail(self, error: BaseException) -> None:
        """No more outcomes will come: the caller gets ``error`` after those that are here."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody will fetch any more."""
        with self._changed:
            self._closed = True
            self._outcomes.clear()
            self._changed.notify_all()


def _bytes_of(outcome: Outcome) -> int:
    return _LEAST_BYTES + _content_bytes(outcome)


def _content_bytes(outcome: Outcome) -> int:
    match outcome:
        case DecodedFrame(frame=frame):
            return frame.pixels.nbytes
        case DecodedPiece(piece=ClipFrames(frames=pixels)) | DecodedPiece(piece=ScreenFrame(pixels=pixels)):
            return pixels.nbytes
        case DecodedPiece(piece=FramePair(before=before, after=after)):
            return before.nbytes + after.nbytes
        case DecodedPiece(piece=SoundPiece(samples=samples)):
            return samples.nbytes
        case ThumbnailMade(jpeg=content) | PreviewMade(mp4=content):
            return len(content)
    return 0


@dataclass(slots=True, eq=False)
class Job:
    """A task, and where its outcomes go."""

    task: Task
    outbox: Outbox
    has_begun: bool = False
    sendings: int = 0


class Jobs:
    """Jobs that wait for a worker."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._changed = Condition()
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether no more jobs are given out."""
        return self._closed

    def add(self, job: Job) -> None:
        """Put a job at the end of the queue."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def put_first(self, jobs: Iterable[Job]) -> None:
        """Put jobs at the front of the queue, in their order."""
        with self._changed:
            self._waiting.extendleft(reversed(list(jobs)))
            self._changed.notify_all()

    def take(self, wait: bool) -> Job | None:
        """The next job; None where there is none (without ``wait``) or will be none (closed)."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closed or self._waiting)
            return self._waiting.popleft() if self._waiting and not self._closed else None

    def drop(self, outbox: Outbox) -> None:
        """Forget the jobs whose outcomes nobody will fetch."""
        with self._changed:
            self._waiting = deque(job for job in self._waiting if job.outbox is not outbox)

    def close(self) -> None:
        """Give out no more jobs."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
