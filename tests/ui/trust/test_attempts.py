"""Attempts to sign in, and sessions."""

from __future__ import annotations

from ui.trust.attempts import Attempts
from ui.trust.sessions import SESSION_SECONDS, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_some_failures_are_free_and_then_each_doubles_the_wait() -> None:
    clock = Clock()
    attempts = Attempts(3, first_seconds=2, seconds_most=7, clock=clock)
    waits = []
    for _ in range(6):
        assert attempts.reserve("a") == 0
        waits.append(attempts.seconds_left("a"))
        clock.now += waits[-1]
    assert waits == [0, 0, 2, 4, 7, 7]
    assert attempts.seconds_left("b") == 0


def test_while_one_waits_nothing_is_booked() -> None:
    clock = Clock()
    attempts = Attempts(1, first_seconds=2, clock=clock)
    assert [attempts.reserve("a") for _ in range(4)] == [0, 2, 2, 2]
    clock.now += 2
    assert [attempts.reserve("a") for _ in range(2)] == [0, 4]


def test_success_forgives() -> None:
    attempts = Attempts(2, first_seconds=2, clock=Clock())
    attempts.reserve("a")
    attempts.succeed("a")
    attempts.reserve("a")
    assert attempts.seconds_left("a") == 0


def test_many_keys_take_bounded_memory() -> None:
    attempts = Attempts(1, clock=Clock())
    for number in range(10_050):
        attempts.reserve(str(number))
    assert attempts.seconds_left("0") == 0
    assert attempts.seconds_left("10049") > 0


def test_a_session_is_known_by_its_secret_alone() -> None:
    sessions = Sessions()
    secret = sessions.begin()
    assert sessions.is_open(secret)
    assert not any(map(sessions.is_open, ("", secret[:-1], sessions.begin()[:-1])))
    assert secret not in repr(vars(sessions))


def test_a_session_ends() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    left, signed_out = sessions.begin(), sessions.begin()
    sessions.end(signed_out)
    assert [sessions.is_open(each) for each in (left, signed_out)] == [True, False]
    clock.now += SESSION_SECONDS
    assert not sessions.is_open(left)


def test_of_too_many_sessions_the_oldest_ends() -> None:
    sessions = Sessions()
    first = sessions.begin()
    for _ in range(10_000):
        last = sessions.begin()
    assert [sessions.is_open(each) for each in (first, last)] == [False, True]
