"""Watching: after a run over all roots, each change is taken in within seconds, until somebody stops it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.companions import is_sidecar
from indexer.eyes import Eye, NotifiedEye, PollingEye, UnwatchableError, is_remote, mounts_below
from indexer.report import IndexReport
from indexer.run import Session
from indexer.settling import Settling
from retrieval.errors import LibraryBusyError, LibraryError
from retrieval.media.kinds import kind_of
from retrieval.paths import display_of

__all__ = ["Timing", "watch"]

_PLACES_MOST = 2_000
"""More changes at once are no list of places but a whole look: quicker, and the system may have dropped some of them
(inotify keeps 16,384 at most, and each new file makes several)."""

_BURST_SECONDS_MOST = 60.0
"""However long it goes on, so often is what has come to rest taken in."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How patient watching is."""

    tick_seconds: float = 0.5
    settle_seconds: float = 2.0
    """A file is taken in when its size and time have stayed the same for so long."""
    poll_seconds: float = 10.0
    """Between looks at folders whose changes the system does not tell."""
    whole_seconds: float = 3600.0
    """After so long all roots are looked at anew, whatever was told: failures of the moment get their next try."""
    retry_seconds: float = 30.0
    """After the library could not be written."""


def watch(
    sessions: Sequence[Session],
    roots: Sequence[bytes],
    tell: Callable[[IndexReport], None],
    notice: Callable[[str], None],
    *,
    timing: Timing | None = None,
    retry_failed: bool = False,
    rehash: bool = False,
) -> None:
    """Run each of ``sessions`` (one a space, over one library) over ``roots``, then again over what changes in them.

    ``tell`` receives every report of the first run, and later those with news. Returns when a run is interrupted.

    Raises:
        LibraryError: in the first run; later ones are told, and tried again.
        KeyboardInterrupt: somebody stopped it between runs.
    """
    _Watch(sessions, roots, tell, notice, timing or Timing()).run(retry_failed=retry_failed, rehash=rehash)


class _StoppedError(Exception):
    """A run was interrupted."""


class _Watch:
    def __init__(
        self,
        sessions: Sequence[Session],
        roots: Sequence[bytes],
        tell: Callable[[IndexReport], None],
        notice: Callable[[str], None],
        timing: Timing,
    ) -> None:
        self._sessions = sessions
        self._roots = roots
        self._tell = tell
        self._notice = notice
        self._timing = timing
        self._settling = Settling(timing.settle_seconds)
        self._is_whole_due = False
        self._not_before = 0.0
        self._said: str | None = None
        self._remote_said: set[bytes] = set()

    def run(self, *, retry_failed: bool, rehash: bool) -> None:
        state, eyes = self._state(), self._open_eyes()  # they see while the first run goes on: nothing falls between
        try:
            for session in self._sessions:
                self._finish(session.run(self._roots, retry_failed=retry_failed, rehash=rehash), always=True)
            self._looked_at = time.monotonic()
            while True:
                is_well = self._take(eyes)
                if (now := self._state()) != state or not is_well:
                    state = now
                    _close(eyes)
                    eyes = self._open_eyes()
                    self._is_whole_due = True
                self._work()
        except _StoppedError:
            return
        finally:
            _close(eyes)

    # -- seeing ----------------------------------------------------------------------------------------------

    def _state(self) -> list[object]:
        """Differs when a root, or a drive below one, came or went."""
        return [_state_of(root) for root in self._roots]

    def _open_eyes(self) -> list[Eye]:
        folders = [root for root in self._roots if os.path.isdir(root)]
        remote = [folder for folder in folders if is_remote(folder)]
        local = [folder for folder in folders if folder not in remote]
        for folder in remote:
            if folder not in self._remote_said:
                self._remote_said.add(folder)
                self._notice(f"{display_of(folder)} lies on a network share: {self._looking_again()}")
        eyes: list[Eye] = []
        if local:
            try:
                eyes.append(NotifiedEye(local, self._timing.tick_seconds))
            except UnwatchableError as error:
                self._notice(f"the system can't tell of changes ({error}): {self._looking_again()}; {_ADVICE}")
                remote = folders
        if remote or not eyes:
            eyes.append(PollingEye(remote, self._timing.poll_seconds, self._library))
        return eyes

    def _looking_again(self) -> str:
        return f"its names are looked at again every {self._timing.poll_seconds:g} s or more"

    @property
    def _library(self) -> Path:
        return self._sessions[0].library

    def _take(self, eyes: Sequence[Eye]) -> bool:
        """Note what changed meanwhile. False when an eye fails: watchfiles does at each name that is not UTF-8."""
        try:
            told = {path for eye in eyes for path in eye.changes(self._timing.tick_seconds / len(eyes))}
        except UnwatchableError:
            return False
        if len(told) > _PLACES_MOST:
            self._is_whole_due = True
        library = os.fsencode(os.path.realpath(self._library)) + b"/"
        territory = self._sessions[0].territory
        places = {
            place
            for path in told
            if not os.path.realpath(path).startswith(library)
            if (seen := territory.place_of(path)) is not None
            for place in _places_for(seen)
        }
        self._settling.note(places, time.monotonic())
        return True

    # -- working ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        now = time.monotonic()
        if now < self._not_before:
            return
        ripe = self._settling.ripe(now)
        is_whole = now - self._looked_at >= self._timing.whole_seconds
        # A burst goes on while places are not at rest; a look in the middle of it would be one of many.
        is_burst = self._is_whole_due or len(ripe) > _PLACES_MOST
        is_whole |= is_burst and (len(ripe) == len(self._settling) or now - self._looked_at > _BURST_SECONDS_MOST)
        if not ripe and not is_whole:
            return
        try:
            self._round(ripe, is_whole=is_whole)
        except LibraryError as error:
            self._put_off(error)
        else:
            self._said = None
            self._settling.drop(ripe)

    def _round(self, ripe: Sequence[bytes], *, is_whole: bool) -> None:
        hold = self._settling.unripe(ripe)
        for session in self._sessions:
            if is_whole:
                self._finish(session.run(self._roots, hold=hold))
            else:
                self._finish(session.run_places(self._roots, _topmost(ripe), hold=hold))
        if is_whole:
            self._is_whole_due = False
            self._looked_at = time.monotonic()

    def _finish(self, report: IndexReport, *, always: bool = False) -> None:
        if always or report.has_news:
            self._tell(report)
        if report.interrupted:
            raise _StoppedError

    def _put_off(self, error: LibraryError) -> None:
        """What changed is kept, and tried again; each reason is told once."""
        is_busy = isinstance(error, LibraryBusyError)
        self._not_before = time.monotonic() + (self._timing.tick_seconds if is_busy else self._timing.retry_seconds)
        if str(error) != self._said:
            self._said = str(error)
            self._notice(f"{error}; what changed meanwhile is taken in as soon as that is over")


_ADVICE = "where it says that the limit is reached, raise it with `sysctl fs.inotify.max_user_watches=1048576`"


def _close(eyes: Iterable[Eye]) -> None:
    for eye in eyes:
        eye.close()


def _state_of(root: bytes) -> object:
    try:
        facts = os.stat(root)
    except OSError:
        return None
    if os.path.isdir(root):
        return facts.st_dev, facts.st_ino, mounts_below(os.path.realpath(root))
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns  # a single file is looked at itself


def _places_for(place: bytes) -> Iterator[bytes]:
    """What is to be looked at when ``place`` changed: itself, if it may be media, a sidecar or a folder."""
    if kind_of(place) is not None or is_sidecar(place) or not os.path.isfile(place):
        yield place


def _topmost(places: Sequence[bytes]) -> list[bytes]:
    """Sorted ``places`` without those inside another."""
    kept: list[bytes] = []
    for place in sorted(places, key=lambda path: path.split(b"/")):
        if not kept or not place.startswith(kept[-1] + b"/"):
            kept.append(place)
    return kept
