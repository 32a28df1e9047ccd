"""A value that is made when it is first asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import pytest

from retrieval.once import Once


def test_many_threads_make_it_once() -> None:
    made: list[object] = []
    together = Barrier(8)

    def make() -> object:
        sleep(0.01)  # long enough for the others to come
        made.append(object())
        return made[-1]

    once = Once(make)

    def ask(_: int) -> object:
        together.wait()
        return once()

    with ThreadPoolExecutor(8) as pool:
        given = set(pool.map(ask, range(8)))
    assert given == set(made)
    assert len(made) == 1


def test_nothing_is_made_before_it_is_asked_for() -> None:
    Once(lambda: pytest.fail("nobody asked"))


def test_none_is_a_value_too() -> None:
    made: list[None] = []
    once = Once(lambda: made.append(None))
    assert once() is None
    assert once() is None
    assert made == [None]


def test_what_failed_is_tried_again() -> None:
    answers = iter([OSError("the disk is away"), None])

    def make() -> str:
        error = next(answers)
        if error:
            raise error
        return "loaded"

    once = Once(make)
    with pytest.raises(OSError, match="away"):
        once()
    assert once() == "loaded"
