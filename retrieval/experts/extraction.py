"""From what the media workers give of files to the experts' tracks and words: for indexing, training and evaluation.

Each expert works in a thread of its own, on the pieces of many files as they come; a caller who brings them faster than
the slowest expert takes them has to wait, so that memory stays bounded.
"""

from __future__ import annotations

import queue
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar

import numpy as np

from retrieval.errors import ModelError
from retrieval.experts.over_time import Reading, TimeExpert, Told, sampling_for, title_of
from retrieval.media.files import MediaPath
from retrieval.media.pieces import Piece, Stream, stream_of
from retrieval.media.tasks import DecodedFrame, DecodedPiece, DecodeTask, Failed, Finished
from retrieval.media.worker import MediaWorkers
from retrieval.settings import Settings
from retrieval.types import FeatureTrack, MediaFacts, MediaKind, TextSource, TimedText

__all__ = ["ExpertThreads", "Extracted", "NotExtracted", "Testimony", "TrackKey", "extract_tracks"]

_PIECES_AHEAD: Final = 24
"""Pieces that may wait for one expert, the largest of two megabytes."""

_SHORT_OF_MEMORY: Final = re.compile(r"out.?of.?memory|can.?t allocate|allocate memory|bad.?alloc", re.IGNORECASE)
"""In the names and words of errors of runtimes, none of which raises :class:`MemoryError`."""

_T = TypeVar("_T")
_READERS_OF_WORDS: Final = frozenset(source.value for source in TextSource)
TrackKey = tuple[str, str]
"""The name and version of an expert: of one name there may be several."""


@dataclass(frozen=True, slots=True)
class Testimony:
    """What several experts say of one file, by (name, version). One that failed at it, or can't load, has no track."""

    tracks: Mapping[TrackKey, FeatureTrack] = field(default_factory=dict)
    texts: Mapping[TrackKey, Sequence[TimedText]] = field(default_factory=dict)
    failed: Mapping[TrackKey, str] = field(default_factory=dict)
    """One line for each expert that failed at this file."""
    put_off: Mapping[TrackKey, str] = field(default_factory=dict)
    """The same for each whose failure was the moment's, as a want of memory: another time it may do better."""
    left_out: frozenset[TrackKey] = frozenset()
    """Experts that were not asked to the end, since their model can't be had: another day they may say more."""

    @property
    def failures(self) -> list[str]:
        """The lines of all that failed."""
        return [*self.failed.values(), *self.put_off.values()]


@dataclass(frozen=True, slots=True)
class _Add:
    key: int
    piece: Piece


@dataclass(frozen=True, slots=True)
class _Finish:
    key: int
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class _Drop:
    key: int


@dataclass(slots=True)
class _Gathered:
    """What is known of a file; complete when the file has ended and no expert is left."""

    owed: int
    tracks: dict[TrackKey, FeatureTrack] = field(default_factory=dict)
    texts: dict[TrackKey, Sequence[TimedText]] = field(default_factory=dict)
    failed: dict[TrackKey, str] = field(default_factory=dict)
    put_off: dict[TrackKey, str] = field(default_factory=dict)
    left_out: set[TrackKey] = field(default_factory=set)

    def testimony(self) -> Testimony:
        return Testimony(self.tracks, self.texts, self.failed, self.put_off, frozenset(self.left_out))


@dataclass(frozen=True, slots=True)
class _Failure:
    """Of an expert at one file."""

    line: str
    is_of_moment: bool

    @classmethod
    def of(cls, error: Exception, title: str) -> _Failure:
        reason = " ".join(str(error).split()) or type(error).__name__
        is_short = isinstance(error, MemoryError) or _SHORT_OF_MEMORY.search(f"{type(error).__name__} {error}")
        if is_short or isinstance(error, OSError):
            told = f"the {title} expert failed at it now, and is asked again at the next run: {reason}"
            return cls(told, is_of_moment=True)
        return cls(f"the {title} expert failed at it and is left out: {reason}", is_of_moment=False)


class ExpertThreads:
    """Experts at work on many files at once, each file under a key of the caller's; a context manager.

    An expert whose model can't be had is left out from then on, and ``notice`` is told so once. What ``notice`` raises
    is raised to who brings or asks for more.
    """

    def __init__(self, experts: Sequence[TimeExpert], notice: Callable[[str], None]) -> None:
        self.experts = tuple(experts)
        self._desks = [_Desk(expert, self._take, self._break, notice) for expert in experts]
        self._asked: dict[int, frozenset[TrackKey]] = {}
        self._gathered: dict[int, _Gathered] = {}
        self._complete: deque[tuple[int, Testimony]] = deque()
        self._changed = threading.Condition()
        self._broken: Exception | None = None
        """What ended the work of a thread, where no failure of an expert should."""

    def __enter__(self) -> Self:
        for desk in self._desks:
            desk.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What is not finished is lost."""
        for desk in self._desks:
            desk.stop()

    def begin(self, key: int, experts: Iterable[TrackKey] | None = None) -> None:
        """A file begins, for these ``experts`` alone (default: all)."""
        wanted = frozenset(desk.key for desk in self._desks)
        self._asked[key] = wanted if experts is None else wanted & frozenset(experts)

    def streams(self, key: int) -> frozenset[Stream]:
        """What the experts of a file read of it."""
        return frozenset(desk.expert.stream for desk in self._desks_of(key))

    def add(self, key: int, piece: Piece) -> None:
        """Hand a piece to those who read its stream. Waits while they are behind."""
        self._check()
        stream = stream_of(piece)
        for desk in self._desks_of(key):
            if desk.expert.stream is stream:
                desk.put(_Add(key, piece))

    def finish(self, key: int, duration_seconds: float) -> None:
        """A file has ended: what the experts say of it comes from :meth:`ready` or :meth:`rest`."""
        self._check()
        desks = self._desks_of(key)
        with self._changed:
            self._gathered[key] = gathered = _Gathered(len(desks))
            self._close_if_complete(key, gathered)
        for desk in desks:
            desk.put(_Finish(key, duration_seconds))
        self._asked.pop(key, None)

    def drop(self, key: int) -> None:
        """Forget a file that failed."""
        for desk in self._desks_of(key):
            desk.put(_Drop(key))
        self._asked.pop(key, None)

    def ready(self) -> Iterator[tuple[int, Testimony]]:
        """Files that every expert is done with by now."""
        while self._complete:
            yield self._complete.popleft()

    def rest(self) -> Iterator[tuple[int, Testimony]]:
        """All files that have ended, waiting for the experts."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._complete or not self._gathered or self._broken)
                self._check()
                if not self._complete:
                    return
            yield from self.ready()

    def _desks_of(self, key: int) -> list[_Desk]:
        asked = self._asked.get(key, frozenset())
        return [desk for desk in self._desks if desk.key in asked]

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken

    def _break(self, error: Exception) -> None:
        """A thread does no more (in it): nobody should wait for it."""
        with self._changed:
            self._broken = self._broken or error
            self._changed.notify_all()

    def _take(self, key: int, expert: TimeExpert, told: Told | None, failure: _Failure | None) -> None:
        """What one expert says of one file (in its thread)."""
        with self._changed:
            gathered = self._gathered[key]
            if told is not None:
                gathered.tracks[expert.name, expert.version] = told.track
                if expert.name in _READERS_OF_WORDS:
                    gathered.texts[expert.name, expert.version] = told.texts
            elif failure is not None:
                kept = gathered.put_off if failure.is_of_moment else gathered.failed
                kept[expert.name, expert.version] = failure.line
            else:
                gathered.left_out.add((expert.name, expert.version))
            gathered.owed -= 1
            self._close_if_complete(key, gathered)

    def _close_if_complete(self, key: int, gathered: _Gathered) -> None:
        if gathered.owed == 0:
            del self._gathered[key]
            self._complete.append((key, gathered.testimony()))
            self._changed.notify_all()


class _Desk:
    """One expert in its thread, with the pieces that wait for it."""

    def __init__(
        self,
        expert: TimeExpert,
        tell: Callable[[int, TimeExpert, Told | None, _Failure | None], None],
        give_up: Callable[[Exception], None],
        notice: Callable[[str], None],
    ) -> None:
        self.expert = expert
        self.key = (expert.name, expert.version)
        self._tell = tell
        self._give_up = give_up
        self._notice = notice
        self._waiting: queue.Queue[_Add | _Finish | _Drop | None] = queue.Queue(_PIECES_AHEAD)
        self._thread = threading.Thread(target=self._work, name=f"expert-{expert.name}", daemon=True)
        self._readings: dict[int, Reading] = {}
        self._failed: dict[int, _Failure] = {}
        self._is_closed = False
        self._is_out = False
        """Its model can't be had."""

    def start(self) -> None:
        self._thread.start()

    def put(self, order: _Add | _Finish | _Drop) -> None:
        self._waiting.put(order)

    def stop(self) -> None:
        self._is_closed = True
        while self._thread.is_alive():
            try:
                self._waiting.put_nowait(None)
                break
            except queue.Full:
                try:
                    self._waiting.get_nowait()
                except queue.Empty:
                    continue
        self._thread.join()

    def _work(self) -> None:
        is_broken = False
        while (order := self._waiting.get()) is not None and not self._is_closed:
            if is_broken:  # what comes is taken all the same, lest who brings it wait for ever
                continue
            try:
                self._do(order)
            except Exception as error:  # noqa: BLE001 - of who is told, such as a closed pipe; raised to the caller
                is_broken = True
                self._give_up(error)

    def _do(self, order: _Add | _Finish | _Drop) -> None:
        match order:
            case _Drop(key):
                self._readings.pop(key, None)
                self._failed.pop(key, None)
            case _Add(key, piece):
                if not self._is_out and key not in self._failed:
                    self._guarded(key, partial(self._read, key, piece))
            case _Finish(key, seconds):
                told = None
                if not self._is_out and key not in self._failed:
                    told = self._guarded(key, partial(self._finished, key, seconds))
                self._readings.pop(key, None)
                self._tell(key, self.expert, told, self._failed.pop(key, None))

    def _reading(self, key: int) -> Reading:
        if key not in self._readings:
            self._readings[key] = self.expert.begin()
        return self._readings[key]

    def _read(self, key: int, piece: Piece) -> None:
        self._reading(key).add(piece)

    def _finished(self, key: int, duration_seconds: float) -> Told:
        told = self._reading(key).finish(duration_seconds)
        if not np.isfinite(told.track.features).all():
            raise ValueError("it gave numbers that are not finite")
        return told

    def _guarded(self, key: int, work: Callable[[], _T]) -> _T | None:
        """What ``work`` gives; its failure costs the expert this file, or all of them if its model can't be had."""
        try:
            return work()
        except (ModelError, ImportError) as error:  # a library that the package comes to when it is first asked
            self._is_out = True
            self._notice(f"the {title_of(self.expert)} expert is left out: {error}")
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything; the file's other experts go on
            self._failed[key] = _Failure.of(error, title_of(self.expert))
        return None


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file, and all that the experts say of it."""

    path: MediaPath
    facts: MediaFacts
    testimony: Testimony


@dataclass(frozen=True, slots=True)
class NotExtracted:
    """A file that can't be used, and why."""

    path: MediaPath
    reason: str
    is_permanent: bool = True
    """Whether trying again is useless until the file, the limits or the decoder change."""


def extract_tracks(
    files: Iterable[tuple[MediaPath, MediaKind]],
    experts: Sequence[TimeExpert],
    *,
    settings: Settings | None = None,
    notice: Callable[[str], None] = lambda _line: None,
) -> Iterator[Extracted | NotExtracted]:
    """Decode each of ``files`` once, in isolated workers, and ask all ``experts`` of it. Files come as they are done.

    Raises:
        TransientMediaError: media workers can't be started on this machine now.
    """
    settings = settings or Settings()
    with (
        ExpertThreads(experts, notice) as threads,
        MediaWorkers(
            settings.limits, sampling_for(experts, settings.sampling), processes=settings.index.workers
        ) as workers,
    ):
        paths: dict[int, MediaPath] = {}
        facts: dict[int, MediaFacts] = {}

        def tasks() -> Iterator[DecodeTask]:
            for key, (path, kind) in enumerate(files):
                paths[key] = path
                threads.begin(key)
                yield DecodeTask(key, path, kind, streams=threads.streams(key))

        def extracted(found: Iterator[tuple[int, Testimony]]) -> Iterator[Extracted]:
            for key, testimony in found:
                yield Extracted(paths.pop(key), facts.pop(key), testimony)

        for outcome in workers.map(tasks()):
            match outcome:
                case DecodedFrame(key=key, frame=piece) | DecodedPiece(key=key, piece=piece):
                    threads.add(key, piece)
                case Finished(key=key):
                    facts[key] = outcome.facts
                    threads.finish(key, outcome.facts.duration_seconds or 0.0)
                case Failed(key=key):
                    threads.drop(key)
                    yield NotExtracted(paths.pop(key), outcome.reason, outcome.is_permanent)
            yield from extracted(threads.ready())
        yield from extracted(threads.rest())
