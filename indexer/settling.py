"""Files that changed, until they are at rest: one that is still being written is waited for."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

__all__ = ["Settling"]

_Facts = tuple[int, int, int] | None


class Settling:
    """Places that changed, each with its facts and the time since when they have stayed the same."""

    def __init__(self, seconds: float) -> None:
        """A place is at rest when its size and time have stayed the same for so many ``seconds``."""
        self._seconds = seconds
        self._places: dict[bytes, tuple[_Facts, float]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def note(self, places: Iterable[bytes], now: float) -> None:
        """Something changed at ``places``."""
        for place in places:
            self._places[place] = _facts_of(place), now

    def ripe(self, now: float) -> list[bytes]:
        """The places that are at rest, in the order of their bytes; they stay here until :meth:`drop`."""
        ripe = []
        for place, (facts, since) in self._places.items():
            if now - since < self._seconds:
                continue
            if (newer := _facts_of(place)) != facts:
                self._places[place] = newer, now
            else:
                ripe.append(place)
        return sorted(ripe)

    def unripe(self, ripe: Iterable[bytes]) -> frozenset[bytes]:
        """All places but these."""
        return frozenset(self._places.keys() - set(ripe))

    def drop(self, places: Iterable[bytes]) -> None:
        """These were looked at."""
        for place in places:
            self._places.pop(place, None)


def _facts_of(place: bytes) -> _Facts:
    """Size, time and inode; of a folder only that it is this one, and None where there is nothing."""
    try:
        facts = os.stat(place)
    except OSError:
        return None
    if stat.S_ISDIR(facts.st_mode):
        return 0, 0, facts.st_ino
    return facts.st_size, facts.st_mtime_ns, facts.st_ino
