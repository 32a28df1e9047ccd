"""A value that is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Once"]

Value = TypeVar("Value")


class Once(Generic[Value]):
    """What ``make`` gives, made at the first call. Threads may share it: one makes it, and the others wait for it.

    What ``make`` raises is raised to who asked; the next call tries again.
    """

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make
        self._made: list[Value] = []
        self._lock = Lock()

    def __call__(self) -> Value:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]
