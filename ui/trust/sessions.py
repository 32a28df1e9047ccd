"""Who has signed in: random cookies, of which the server keeps digests alone."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from ui.trust.tokens import new_token

__all__ = ["SESSION_SECONDS", "Sessions"]

SESSION_SECONDS = 7 * 24 * 3600
"""After which one signs in again."""
_SESSIONS_MOST = 10_000


class Sessions:
    """Sessions in memory: they end with the server. Safe to share between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    def begin(self) -> str:
        """A new session's secret, for the cookie. Of too many, the oldest ends."""
        secret = new_token()
        with self._lock:
            self._ends[_digest(secret)] = self._clock() + SESSION_SECONDS
            while len(self._ends) > _SESSIONS_MOST:
                self._ends.popitem(last=False)
        return secret

    def is_open(self, secret: str) -> bool:
        """Whether ``secret`` is that of a session that goes on."""
        with self._lock:
            return self._ends.get(_digest(secret), 0.0) > self._clock()

    def end(self, secret: str) -> None:
        """Sign out."""
        with self._lock:
            self._ends.pop(_digest(secret), None)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
