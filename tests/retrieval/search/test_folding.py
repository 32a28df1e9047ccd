"""Near-identical pictures stand behind the first of them, on every page alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.search.folding import ALIKE_COSINE, alike_from, fold
from retrieval.search.fusion import Ranked
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.spaces.starter import StarterSpace
from retrieval.store.lookup import LiveAsset
from retrieval.types import MediaKind

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
def test_pages_of_any_size_follow_one_another(looks: list[int], top: int) -> None:
    vectors = {place: at(40 * look) for place, look in enumerate(looks)}
    whole = [each.asset.id for each in fold(ranked(len(looks)), vectors, 0.9)]
    for end in range(0, len(looks), top):
        part = [each.asset.id for each in fold(ranked(len(looks))[:end], vectors, 0.9)]
        assert part == whole[: len(part)]
    assert len(whole) == len(set(looks))


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


def test_a_picture_as_a_query_is_folded_too(filled: Any, make_searcher: MakeSearcher) -> None:
    hits = make_searcher().search(Query(images=(Path("1,0,0,0.jpg"),))).hits
    assert [hit.path.stem for hit in hits] == ["burst1", "clip", "other"]
