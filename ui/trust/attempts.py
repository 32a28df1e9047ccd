"""Limits attempts to sign in: after some that fail one waits, and each further failure doubles the wait.

An attempt is booked as a failure before it is checked: many at once can't all begin before the first has failed.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

__all__ = ["Attempts"]

_KEYS_MOST = 10_000


class Attempts:
    """Counts failures by key, an address or a user. Safe to share between threads."""

    def __init__(
        self,
        free: int,
        *,
        first_seconds: float = 2.0,
        seconds_most: float = 900.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """So many attempts may fail in a row as ``free``; the last of them costs ``first_seconds``, and each further
        one twice as much, up to ``seconds_most``.
        """
        self._free = free
        self._first_seconds = first_seconds
        self._seconds_most = seconds_most
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Number of failures, and when the next attempt may come."""

    def seconds_left(self, key: str) -> float:
        """How long ``key`` has to wait; 0 if it may try now."""
        with self._lock:
            return max(0.0, self._failed.get(key, (0, 0.0))[1] - self._clock())

    def reserve(self, key: str) -> float:
        """Begin an attempt, which counts as a failure until it succeeds: 0; or, not begun, how long ``key`` waits."""
        with self._lock:
            count, free_at = self._failed.get(key, (0, 0.0))
            now = self._clock()
            if now < free_at:
                return free_at - now
            count += 1
            doublings = min(count - self._free, 30)
            wait = min(self._seconds_most, self._first_seconds * 2**doublings) if doublings >= 0 else 0.0
            self._failed.pop(key, None)
            self._failed[key] = (count, now + wait)
            while len(self._failed) > _KEYS_MOST:
                self._failed.popitem(last=False)
            return 0.0

    def succeed(self, key: str) -> None:
        """It went well: what failed before is forgotten."""
        with self._lock:
            self._failed.pop(key, None)
