"""The two queues between a caller and the keepers of media workers: jobs to do, and outcomes to fetch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Condition

from retrieval.media.pieces import ScreenFrame, SoundPiece
from retrieval.media.tasks import DecodedPiece, Outcome, Task

__all__ = ["Job", "Jobs", "Outbox"]


_USUAL_BYTES = 150_000
"""A kept frame of the usual size, which takes one place."""


class Outbox:
    """Outcomes that a caller has not fetched yet: a full one holds up the workers that fill it.

    What is larger than a frame takes as many places as frames would, so that memory stays bounded.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._outcomes: deque[Outcome] = deque()
        self._places = 0
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
            self._changed.wait_for(lambda: self._closed or self._places < self._room)
            if not self._closed:
                self._outcomes.append(outcome)
                self._places += _places(outcome)
                self._changed.notify_all()

    def get(self) -> Outcome:
        """Fetch the next outcome, waiting for it. Raises what :meth:`fail` was given."""
        with self._changed:
            self._changed.wait_for(lambda: self._outcomes or self._error)
            if not self._outcomes and self._error is not None:
                raise self._error
            outcome = self._outcomes.popleft()
            self._places -= _places(outcome)
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


def _places(outcome: Outcome) -> int:
    match outcome:
        case DecodedPiece(piece=ScreenFrame(pixels=pixels)):
            return 1 + pixels.nbytes // _USUAL_BYTES
        case DecodedPiece(piece=SoundPiece(samples=samples)):
            return 1 + samples.nbytes // _USUAL_BYTES
    return 1


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
