"""Ctrl-C and SIGTERM: remembered, since the code that one of them meets may make another error of it.

An import that is interrupted may say that a library is not installed (extension modules that use numpy's C interface
turn whatever happens meanwhile into an ImportError), and a run that a person stopped would then seem to have failed.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import NoReturn, Self

__all__ = ["Interrupted", "Interruption"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """Raised where the signal arrives.

    A class of its own: CPython ends the process by the signal itself, though it was handled, once a plain
    KeyboardInterrupt has passed through ``exec``, with which dataclasses and named tuples are made.
    """


class Interruption:
    """While it is entered, the signals raise :class:`Interrupted`; ``came`` tells whether one has come.

    One that a library swallows whole does not end the command; a second one does.
    """

    def __init__(self) -> None:
        self.came = False

    def __enter__(self) -> Self:
        self._is_main = threading.current_thread() is threading.main_thread()  # no other thread may handle signals
        self._before = {number: signal.getsignal(number) for number in _SIGNALS}
        if self._is_main:
            for number in _SIGNALS:
                signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_main:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> NoReturn:
        self.came = True
        raise Interrupted
