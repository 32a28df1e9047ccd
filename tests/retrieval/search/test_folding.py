"""Near-identical pictures stand behind the first of them, on every page alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.search import evidence
from retrieval.search.folding import ALIKE_COSINE, alike_from, fold
from retrieval.search.fusion import Ranked
from retrieval.search.paging import Ranks, page_of
from retrieval.search.query import By, Query
from retrieval.search.results import SearchResult
from retrieval.search.searcher import Searcher
from retrieval.spaces.starter import StarterSpace
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.lookup import LiveAsset
from retrieval.types import MediaKind, Words

MakeSearcher = Callable[..., Searcher]


def ranked(count: int) -> list[Ranked]:
    return [Ranked(LiveAsset(n, MediaKind.PICTURE, (b"/%d" % n,)), 0.5, ()) for n in range(count)]


def told(folded: list[Ranked]) -> list[tuple[int, int]]:
    return [(each.asset.id, each.folded) for each in folded]


def at(degrees: float) -> Any:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def test_each_stands_behind_the_nearest_that_stands_behind_none() -> None:
    # Eleven degrees are alike. 8 is like 0; 16 is like 8, which does not count, and not like 0; 14 is like 16.
    vectors = {place: at(degrees) for place, degrees in enumerate((0, 8, 16, 14, 90))}
    assert told(fold(ranked(5), vectors, float(np.cos(np.radians(11))))) == [(0, 1), (2, 1), (4, 0)]


def test_what_has_no_vector_is_never_folded() -> None:
    assert told(fold(ranked(3), {0: at(0), 2: at(0)}, 0.9)) == [(0, 1), (1, 0)]
    assert told(fold(ranked(2), {}, 0.9)) == [(0, 0), (1, 0)]
    assert fold([], {}, 0.9) == []


@given(st.lists(st.integers(0, 8), max_size=40), st.integers(1, 7))
@settings(deadline=None)
def test_pages_of_any_size_follow_one_another(looks: list[int], top: int) -> None:
    vectors = {place: at(40 * look) for place, look in enumerate(looks)}
    whole = [each.asset.id for each in fold(ranked(len(looks)), vectors, 0.9)]
    for end in range(0, len(looks), top):
        part = [each.asset.id for each in fold(ranked(len(looks))[:end], vectors, 0.9)]
        assert part == whole[: len(part)]
    assert len(whole) == len(set(looks))


RUNS = st.lists(st.tuples(st.integers(0, 8), st.integers(1, 120)), max_size=6)
"""Looks, and how many pictures in a row have each."""


@given(RUNS, st.integers(1, 7))
@settings(deadline=None, max_examples=40)
def test_pages_join_without_gaps_however_many_are_alike(runs: list[tuple[int, int]], top: int) -> None:
    looks = [look for look, count in runs for _ in range(count)]
    vectors = {place: at(40 * look) for place, look in enumerate(looks)}
    every, depths = ranked(len(looks)), []

    def ranks_to(depth: int) -> Ranks:
        depths.append(depth)
        return Ranks(every[: depth + 3], depth + 3 >= len(every))  # more than was asked for does no harm

    def folded(those: Sequence[Ranked]) -> list[Ranked]:
        return fold(those, vectors, 0.9)

    whole = [each.asset.id for each in folded(every)]
    for offset in range(0, len(whole) + 2 * top, top):
        depths.clear()
        page = page_of(offset, top, ranks_to, folded)
        assert [each.asset.id for each in page.ranked] == whole[offset : offset + top]
        assert page.goes_on or offset + top >= len(whole)
        assert depths == [2**look * depths[0] for look in range(len(depths))]
        if len(folded(every[: depths[0]])) >= offset + top:
            assert len(depths) == 1  # where nothing much folds, one look is enough
    assert len(whole) == len(set(looks))


def test_further_down_each_stands_for_itself(
    library: Any, space: Any, make_searcher: MakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "FOLDED_MOST", 100)
    space.alike_cosine = 0.99
    for number in range(130):
        library.embed(library.asset(f"/{number:03}.jpg"), library.space(), [[*at(0), 0, 0]])
    hits = make_searcher().search(Query("1 0 0 0", top=200)).hits
    assert [hit.path.stem for hit in hits] == ["000", *(f"{number:03}" for number in range(100, 130))]
    assert hits[0].folded == 99


def test_a_space_says_what_is_alike_in_it(space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert alike_from(StarterSpace()) == 0.9
    monkeypatch.delattr(type(space), "alike_cosine")
    assert alike_from(space) == ALIKE_COSINE


@pytest.fixture
def filled(library: Any, space: Any) -> Any:
    """A burst of four, another picture, and a video of the same look."""
    space.alike_cosine = 0.99
    row = library.space()
    for name, degrees in (("burst1", 10), ("burst2", 11), ("burst3", 12), ("other", 25), ("burst4", 13)):
        x, y = at(degrees)
        library.embed(library.asset(f"/{name}.jpg"), row, [[x, y, 0, 0]])
    library.embed(library.asset("/clip.mp4", kind="video"), row, [[*at(10.5), 0, 0]], [(0, 1)])
    return library


def test_results_are_folded_unless_all_are_asked_for(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    hits = searcher.search(Query("1 0 0 0")).hits
    assert [(hit.path.stem, hit.folded) for hit in hits] == [("burst1", 3), ("clip", 0), ("other", 0)]
    assert hits[0].to_json()["folded"] == 3
    pages = [searcher.search(Query("1 0 0 0", top=1, offset=offset)).hits for offset in range(4)]
    assert [hit.path.stem for page in pages for hit in page] == ["burst1", "clip", "other"]
    everything = searcher.search(Query("1 0 0 0", unfolded=True)).hits
    assert [hit.path.stem for hit in everything] == ["burst1", "clip", "burst2", "burst3", "burst4", "other"]
    assert {hit.folded for hit in everything} == {0}


@pytest.mark.parametrize("by", [By.FUSED, By.TEXT])
@pytest.mark.parametrize("has_words", [False, True])
def test_a_long_burst_hides_nothing(
    library: Any, space: Any, make_searcher: MakeSearcher, by: By, has_words: bool
) -> None:
    """80 alike at the top, and 70 further down: far more than are looked at below a page."""
    space.alike_cosine = 0.99
    fill_text_index(library.catalog)
    looks = [*[0] * 80, 10, *[20] * 70, 30, 40]
    for number, degrees in enumerate(looks):
        asset = library.asset(f"/{number:03}.jpg")
        library.embed(asset, library.space(), [[*at(degrees), 0, 0]])
        if has_words:
            with library.catalog.engine.begin() as connection:
                write_descriptions(connection, {asset: Words(caption="a dog")})
    if by is By.TEXT and not has_words:
        return
    search = make_searcher().search

    def page(top: int, offset: int = 0) -> SearchResult:
        return search(Query("a dog", by=by, top=top, offset=offset))

    whole = page(20)
    assert ([hit.folded for hit in whole.hits], whole.goes_on) == ([79, 0, 69, 0, 0], False)
    for top in (1, 2, 3):
        pages = [page(top, offset) for offset in range(0, 6, top)]
        assert [hit.path for each in pages for hit in each.hits] == [hit.path for hit in whole.hits]
        assert [each.goes_on for each in pages] == [(number + 1) * top < 5 for number in range(len(pages))]


def test_a_picture_as_a_query_is_folded_too(filled: Any, make_searcher: MakeSearcher) -> None:
    hits = make_searcher().search(Query(images=(Path("1,0,0,0.jpg"),))).hits
    assert [hit.path.stem for hit in hits] == ["burst1", "clip", "other"]
