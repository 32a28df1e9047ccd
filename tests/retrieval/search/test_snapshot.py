"""Pages of one answer follow one another while indexing goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from retrieval.errors import QueryError
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.search.snapshot import Snapshot
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.file_filter import Below
from retrieval.types import Words

MakeSearcher = Callable[..., Searcher]


def names(result: Any) -> list[str]:
    return [hit.path.stem for hit in result.hits]


@pytest.fixture
def filled(library: Any) -> Any:
    fill_text_index(library.catalog)
    for number in range(5):
        add(library, f"old{number}", 0.9 - number / 10)
    return library


def add(library: Any, name: str, score: float) -> None:
    asset = library.asset(f"/media/{name}.jpg")
    library.embed(asset, library.space(), [[score, 0, 0, 0]])
    with library.catalog.engine.begin() as connection:
        write_descriptions(connection, {asset: Words("beach")})


@pytest.mark.parametrize(
    "asked",
    [
        {"text": "1 0 0 0", "anyway": True},
        {"text": "1 0 0 0", "wanted": Below(b"/media"), "anyway": True},
        {"wanted": Below(b"/media")},
        {"text": "beach", "anyway": True},
    ],
    ids=["frames", "filtered", "filter alone", "words"],
)
def test_pages_stay_those_of_the_first_answer(filled: Any, make_searcher: MakeSearcher, asked: dict[str, Any]) -> None:
    searcher = make_searcher()
    whole = names(searcher.search(Query(**asked)))
    first = searcher.search(Query(**asked, top=1))
    assert first.as_of is not None
    shown = names(first)
    for place in range(1, 6):
        add(filled, f"new{place}", 0.99)
        page = searcher.search(Query(**asked, top=1, offset=place, as_of=Snapshot.parse(first.as_of)))
        assert page.as_of == first.as_of
        shown += names(page)
    assert shown == whole == sorted(whole)
    assert len(names(searcher.search(Query(**asked)))) == 10


def test_a_chance_is_that_of_the_first_answer(filled: Any, make_searcher: MakeSearcher, space: Any) -> None:
    searcher = make_searcher()
    first = searcher.search(Query("1 0 0 0"))
    add(filled, "new", 0.1)
    space.items.clear()
    assert first.as_of is not None
    searcher.search(Query("1 0 0 0", as_of=Snapshot.parse(first.as_of)))
    assert set(space.items) == {5}


@pytest.mark.parametrize("text", ["", "x", "1.2", "1.2.3.4", "-1.2.3", "1.2.٣"])
def test_a_state_that_is_none_is_told(text: str) -> None:
    with pytest.raises(QueryError, match="is no state of a library; give the as_of of an earlier answer"):
        Snapshot.parse(text)
