"""When a search has an index trained beside it: not in a process that asks once; once a doubling; without waiting."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from retrieval.errors import WeightsError
from retrieval.search import background_training
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.store import index_choice


class FinishedProcess:
    def poll(self) -> int:
        return 0


@pytest.fixture
def fill(library: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Adds so many pictures to a library that is big from its eleventh."""
    monkeypatch.setattr(index_choice, "EXACT_MOST", 10 * 4)
    numbers = iter(range(1000))

    def add(count: int) -> None:
        for _ in range(count):
            library.embed(library.asset(f"/{next(numbers):03}.jpg"), library.space(), [[0.9, 0, 0, 0]])

    return add


def test_searches_go_on_while_it_starts_and_it_is_tried_once_a_doubling(
    fill: Callable[[int], None], make_searcher: Callable[..., Searcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    began, may_go_on = Event(), Event()

    def start(catalog: Any, row: Any, queries: Any) -> FinishedProcess:
        asked.append(len(queries))
        began.set()
        assert may_go_on.wait(10)
        return FinishedProcess()

    monkeypatch.setattr(background_training, "start_training", start)
    fill(11)
    searcher = make_searcher()
    training = searcher._spaces._training
    assert searcher.search(Query("1 0 0 0")).fits
    assert not training._begun  # a process that asks once is gone before it could have the good of it
    for _ in range(3):
        assert searcher.search(Query("1 0 0 0")).fits
    assert began.wait(10)
    may_go_on.set()
    training._begun[1][0].join(10)
    searcher.search(Query("1 0 0 0"))
    assert len(asked) == 1
    assert asked[0] >= 100
    fill(11)
    searcher.search(Query("1 0 0 0"))
    training._begun[1][0].join(10)
    assert len(asked) == 2


def test_a_small_library_is_left_as_it_is(
    fill: Callable[[int], None], make_searcher: Callable[..., Searcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_training, "start_training", lambda *_: pytest.fail("there is nothing to train"))
    fill(10)
    searcher = make_searcher()
    for _ in range(3):
        searcher.search(Query("1 0 0 0"))
    assert not searcher._spaces._training._begun


def test_what_keeps_it_from_starting_costs_no_search(
    fill: Callable[[int], None], make_searcher: Callable[..., Searcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(space: Any) -> Any:
        raise WeightsError("the weights are gone")

    monkeypatch.setattr(background_training, "tuning_queries", refuse)
    fill(11)
    searcher = make_searcher()
    for _ in range(3):
        assert searcher.search(Query("1 0 0 0")).fits
    searcher._spaces._training._begun[1][0].join(10)
