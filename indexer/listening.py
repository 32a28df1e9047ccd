"""The experts over time in a run: what they say of a file joins what its frames gave, and both are kept at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from indexer.job import Job
from indexer.pipeline import FrameRow
from retrieval.experts.extraction import ExpertThreads, Testimony, TrackKey
from retrieval.media.pieces import Piece, Stream
from retrieval.media.tasks import Finished

__all__ = ["Heard", "Listening"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A file of which all is known; ``rows`` is None where no frames were wanted."""

    end: Finished
    rows: list[FrameRow] | None
    testimony: Testimony


@dataclass(slots=True)
class _Open:
    """A file that experts are asked of."""

    wants_frames: bool
    end: Finished | None = None
    rows: list[FrameRow] | None = None
    testimony: Testimony | None = None

    @property
    def heard(self) -> Heard | None:
        if self.end is None or self.testimony is None or (self.wants_frames and self.rows is None):
            return None
        return Heard(self.end, self.rows, self.testimony)


class Listening:
    """Asks the experts of videos and sounds; for pictures alone it starts and imports nothing. A context manager."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._threads: ExpertThreads | None = None
        self._files: dict[int, _Open] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What is not finished is the next run's work."""
        if self._threads is not None:
            self._threads.__exit__(kind, error, traceback)

    def begin(self, key: int, experts: Iterable[TrackKey] | None, *, wants_frames: bool) -> frozenset[Stream]:
        """A video or sound is to be decoded; gives what must be, for these ``experts`` (default: all)."""
        threads = self._started()
        threads.begin(key, experts)
        self._files[key] = _Open(wants_frames)
        return threads.streams(key) | (frozenset({Stream.FRAMES}) if wants_frames else frozenset())

    def add(self, key: int, piece: Piece) -> None:
        """Hand on a piece to those who read its kind; waits while they are behind."""
        if self._threads is not None:
            self._threads.add(key, piece)

    def finish(self, end: Finished) -> None:
        """A file was decoded to its end."""
        if self._threads is not None and end.key in self._files:
            self._files[end.key].end = end
            self._threads.finish(end.key, end.facts.duration_seconds or 0.0)

    def drop(self, key: int) -> None:
        """Forget a file that failed."""
        if self._threads is not None and self._files.pop(key, None) is not None:
            self._threads.drop(key)

    def encoded(self, end: Finished, rows: list[FrameRow]) -> Iterator[Heard]:
        """The frames of a file are encoded; gives it if the experts have nothing to add."""
        if end.key not in self._files:
            yield Heard(end, rows, Testimony())
            return
        self._files[end.key].rows = rows
        yield from self._complete(end.key)

    def ready(self) -> Iterator[Heard]:
        """Files of which all is known by now."""
        if self._threads is not None:
            yield from self._told(self._threads.ready())

    def rest(self) -> Iterator[Heard]:
        """All files that were decoded and encoded, waiting for the experts."""
        if self._threads is not None:
            yield from self._told(self._threads.rest())

    def _told(self, told: Iterator[tuple[int, Testimony]]) -> Iterator[Heard]:
        for key, testimony in told:
            if key in self._files:  # not of a file that failed since
                self._files[key].testimony = testimony
                yield from self._complete(key)

    def _complete(self, key: int) -> Iterator[Heard]:
        if (heard := self._files[key].heard) is not None:
            del self._files[key]
            yield heard

    def _started(self) -> ExpertThreads:
        if self._threads is None:
            for absent in self._job.absent_experts:
                self._job.notice(f"videos and sounds are indexed without the {absent.name} expert: {absent.reason}")
            self._threads = ExpertThreads(self._job.time_experts, self._job.notice)
            self._threads.__enter__()
        return self._threads
