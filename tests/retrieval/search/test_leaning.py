"""What is not to be seen, weights, quotes and filters alone: vectors, chances and whole answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.search.leaning import AGAINST, meaning_of
from retrieval.search.query import By, Query, Term
from retrieval.search.searcher import Searcher
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.file_filter import Below, OfKind
from retrieval.types import MediaKind, Words

MakeSearcher = Callable[..., Searcher]


def names(result: Any) -> list[str]:
    return [hit.path.stem for hit in result.hits]


def no_pictures(space: Any, paths: Any) -> Any:
    raise AssertionError(paths)


def no_examples(examples: Any, query: Any) -> list[Any]:
    assert not examples
    return []


def test_plain_words_are_embedded_as_ever(space: Any) -> None:
    meaning = meaning_of(Query("0 2 0 0"), space, no_pictures, no_examples)
    assert meaning.asked is meaning.ranked_by
    assert meaning.ranked_by.tolist() == [0, 2, 0, 0]
    assert "2 against" not in repr(meaning)


def test_what_is_not_to_be_seen_is_taken_off(space: Any) -> None:
    query = Query("1 0 0 0", against=(Term("0 1 0 0"), Term("0 0 1 0", 2)))
    meaning = meaning_of(query, space, no_pictures, no_examples)
    expected = np.array([1, -AGAINST, -2 * AGAINST, 0])
    np.testing.assert_allclose(meaning.ranked_by, expected / np.linalg.norm(expected), rtol=1e-6)
    assert meaning.asked is not None
    assert meaning.asked.tolist() == [1, 0, 0, 0]
    assert [each.tolist() for each in meaning.against] == [[0, 1, 0, 0], [0, 0, 1, 0]]


def test_alone_it_is_turned_around(space: Any) -> None:
    meaning = meaning_of(Query(against=(Term("0 1 0 0"),)), space, no_pictures, no_examples)
    assert meaning.asked is None
    assert meaning.ranked_by.tolist() == [0, -1, 0, 0]


def test_where_lengths_differ_they_are_left(space: Any) -> None:
    space.normalized = False
    meaning = meaning_of(Query("2 0 0 0", against=(Term("0 1 0 0"),)), space, no_pictures, no_examples)
    assert meaning.ranked_by.tolist() == [2, -AGAINST, 0, 0]


def test_a_weight_of_one_changes_nothing_and_two_adds_the_words_again(space: Any) -> None:
    plain = meaning_of(Query("1 0 0 0", stressed=(Term("0 1 0 0", 1),)), space, no_pictures, no_examples)
    assert plain.ranked_by.tolist() == [1, 0, 0, 0]
    twice = meaning_of(Query("1 0 0 0", stressed=(Term("0 1 0 0", 2),)), space, no_pictures, no_examples)
    np.testing.assert_allclose(twice.ranked_by, np.array([1, 1, 0, 0]) / np.sqrt(2), rtol=1e-6)


@pytest.fixture
def filled(library: Any) -> Any:
    """``dog`` and ``both`` show the first axis; ``both`` the second too; ``clip`` both in its second half alone."""
    space = library.space()
    library.ids = {}
    for name, vector in (("both", [0.85, 0.8, 0, 0]), ("dog", [0.8, 0.1, 0, 0]), ("none", [0.1, 0.1, 0, 0])):
        library.ids[name] = library.asset(f"/media/{name}.jpg", taken_at=datetime(2024, 1, len(name)))
        library.embed(library.ids[name], space, [vector])
    library.ids["clip"] = library.asset("/media/clip.mp4", kind="video", modified=datetime(2020, 1, 1))
    library.embed(library.ids["clip"], space, [[0.7, 0, 0, 0], [0.75, 0.9, 0, 0]], [(0, 1), (1, 2)])
    return library


def test_it_goes_down_and_fits_less(filled: Any, make_searcher: MakeSearcher) -> None:
    before = make_searcher().search(Query("1 0 0 0"))
    assert names(before) == ["both", "dog", "clip"]
    after = make_searcher().search(Query("1 0 0 0", against=(Term("0 1 0 0"),)))
    assert names(after) == ["dog", "clip"]
    assert after.hits[0].score == pytest.approx(0.8 * 0.9, abs=1e-3)
    assert [(moment.start_seconds, moment.end_seconds) for moment in after.hits[1].moments] == [(0, 1)]
    anyway = make_searcher().search(Query("1 0 0 0", against=(Term("0 1 0 0"),), anyway=True))
    assert names(anyway)[:2] == ["dog", "clip"]
    assert set(names(anyway)) == {"both", "dog", "clip", "none"}


def test_alone_what_shows_it_least_comes_first(filled: Any, make_searcher: MakeSearcher) -> None:
    result = make_searcher().search(Query(against=(Term("0 1 0 0"),)))
    assert result.fits
    assert names(result)[0] == "clip"
    assert "both" not in names(result)


def test_what_people_call_so_is_no_find_by_their_words(filled: Any, make_searcher: MakeSearcher) -> None:
    fill_text_index(filled.catalog)
    with filled.catalog.engine.begin() as connection:
        told = {filled.ids["none"]: Words(caption="a dog and a crowd"), filled.ids["dog"]: Words(caption="a dog")}
        write_descriptions(connection, told)
    searcher = make_searcher()
    assert sorted(names(searcher.search(Query("dog", by=By.TEXT)))) == ["dog", "none"]
    assert names(searcher.search(Query("dog", by=By.TEXT, against=(Term("a crowd"),)))) == ["dog"]
    assert names(searcher.search(Query("a dog crowd", by=By.TEXT))) == ["none"]
    assert names(searcher.search(Query("dog crowd", by=By.TEXT, phrases=("dog crowd",)))) == []


def test_a_filter_alone_lists_the_newest_first(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    result = searcher.search(Query(wanted=Below(b"/media")))
    assert names(result) == ["both", "none", "dog", "clip"] or names(result) == ["none", "both", "dog", "clip"]
    assert result.fits
    assert {hit.score for hit in result.hits} == {1.0}
    assert result.hits[0].why[0].to_json() == {
        "source": "filter",
        "share": 1.0,
        "quote": None,
        "start_seconds": None,
        "end_seconds": None,
    }
    pages = [names(searcher.search(Query(wanted=Below(b"/media"), top=1, offset=place))) for place in range(5)]
    assert [name for page in pages for name in page] == names(result)
    (video,) = searcher.search(Query(wanted=OfKind(MediaKind.VIDEO))).hits
    assert (video.start_seconds, video.moments) == (None, ())
    nothing = searcher.search(Query(wanted=OfKind(MediaKind.SOUND)))
    assert (nothing.fits, nothing.hits) == (False, ())
    past = searcher.search(Query(wanted=Below(b"/media"), offset=9))
    assert (past.fits, past.hits) == (True, ())


def test_a_library_reads_the_query(filled: Any, space: Any) -> None:
    with Library(filled.folder, spaces=lambda name: space) as library:
        result = library.search('1 0 0 0 -"0 1 0 0" kind:picture kin:x', under="/media")
        assert names(result) == ["dog"]
        assert result.query == '1 0 0 0 -"0 1 0 0" kind:picture kin:x'
        assert result.read_as == "“1 0 0 0 kin:x”; less of “0 1 0 0”; only kind:picture"
        assert result.notices[0] == "kin:x is read as words; if a field is meant, it is kind:"
        assert library.search("1 0 0 0").read_as is None
        assert names(library.search("kind:video or name:dog")) == ["dog", "clip"]
        with pytest.raises(QueryError, match=r"nothing has the tag 'nope'.*\n  1 0 0 0 tag:nope\n {14}\^{4}$"):
            library.search("1 0 0 0 tag:nope")
        with pytest.raises(QueryError, match=r"nothing has the tag 'nope'; [^\n]*$"):
            library.search("1 0 0 0", tags=["nope"])


def test_pictures_go_with_what_is_not_to_be_seen(filled: Any, make_searcher: MakeSearcher) -> None:
    query = Query(images=(Path("1,0,0,0.jpg"),), against=(Term("0 1 0 0"),))
    assert names(make_searcher().search(query)) == ["dog", "clip"]
