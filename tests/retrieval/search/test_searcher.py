"""Whole answers, over catalogs of vectors that are worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import LibraryError, QueryError, UnknownSpaceError
from retrieval.search import evidence, finding, fusion, searcher, sight, word_evidence
from retrieval.search.candidates import find_candidates
from retrieval.search.query import By, Query
from retrieval.search.results import Tag
from retrieval.search.searcher import Searcher
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.file_filter import file_filter
from retrieval.store.lookup import Lookup
from retrieval.store.tag_work import AssetTags, TagWork, TrackSource
from retrieval.store.tags import Tags
from retrieval.types import MediaKind, Words

MakeSearcher = Callable[..., Searcher]


def names(result: Any) -> list[str]:
    return [hit.path.name for hit in result.hits]


@pytest.fixture
def filled(library: Any) -> Any:
    """Three pictures and a video of three shots: the first axis is what the tests ask for."""
    space = library.space()
    for name, score in (("best", 0.9), ("good", 0.7), ("poor", 0.2)):
        library.embed(library.asset(f"/media/{name}.jpg"), space, [[score, 0.1, 0, 0]])
    video = library.asset("/media/clip.mp4", kind="video")
    library.embed(
        video,
        space,
        [[0.1, 0, 0.5, 0], [0.75, 0, 0, 0], [0.8, 0, 0, 0], [0.0, 0, 0, 1]],
        [(0, 1), (1, 2), (2, 4), (4, 5)],
    )
    return library


def test_hits_are_assets_best_first_and_only_those_that_fit(filled: Any, make_searcher: MakeSearcher) -> None:
    result = make_searcher().search(Query("1 0 0 0"))
    assert names(result) == ["best.jpg", "clip.mp4", "good.jpg"]
    assert result.fits
    assert [hit.score for hit in result.hits] == [pytest.approx(score, abs=1e-3) for score in (0.9, 0.8, 0.7)]
    assert all(hit.fits for hit in result.hits)
    assert result.hits[0].why[0].source == "frames"


def test_a_video_shows_its_best_moment(filled: Any, make_searcher: MakeSearcher) -> None:
    hit = make_searcher().search(Query("1 0 0 0", wanted=file_filter(kind=MediaKind.VIDEO))).hits[0]
    assert (hit.start_seconds, hit.end_seconds) == (1, 4)
    assert hit.moments[0].score == pytest.approx(hit.score)
    assert len(hit.moments) == 1


def test_what_fits_nothing_says_so_and_shows_the_nearest_on_demand(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    result = searcher.search(Query("0 0 0.4 0"))
    assert (result.fits, result.hits) == (False, ())
    anyway = searcher.search(Query("0 0 0.4 0", anyway=True))
    assert not anyway.fits
    assert len(anyway.hits) == 4
    told = [searcher.search(Query("0 0 0.4 0", anyway=each, top=2)).goes_on for each in (False, True)]
    assert told == [False, True]  # where nothing fits nothing goes on
    assert not any(hit.fits for hit in anyway.hits)


def test_the_spaces_own_threshold_decides_what_fits(filled: Any, make_searcher: MakeSearcher, space: Any) -> None:
    space.fits_from = 0.85
    assert names(make_searcher().search(Query("1 0 0 0"))) == ["best.jpg"]
    space.fits_from = 0.95
    assert not make_searcher().search(Query("1 0 0 0")).fits


def test_a_later_hit_may_fit_where_the_first_does_not(
    filled: Any, make_searcher: MakeSearcher, space: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A space that judges hits by their own vectors: here by the second number, of which "striking" has enough."""
    striking = filled.asset("/media/striking.jpg")
    filled.embed(striking, filled.space(), [[0.3, 0.75, 0, 0]])

    def by_looks(self: Any, scores: Any, vectors: Any, query: Any, items: int) -> Any:
        return np.broadcast_to(vectors[:, 1], scores.shape).astype(np.float32)

    monkeypatch.setattr(type(space), "hit_chance", by_looks, raising=False)
    result = make_searcher().search(Query("1 0 0 0"))
    assert (result.fits, names(result)) == (True, ["striking.jpg"])
    anyway = make_searcher().search(Query("1 0 0 0", anyway=True))
    assert names(anyway) == ["best.jpg", "clip.mp4", "good.jpg", "striking.jpg", "poor.jpg"]
    assert [hit.fits for hit in anyway.hits] == [False, False, False, True, False]


@pytest.fixture
def by_looks(space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A space that judges hits by their own vectors: by the second number."""

    def hit_chance(self: Any, scores: Any, vectors: Any, query: Any, items: int) -> Any:
        return np.broadcast_to(vectors[:, 1], scores.shape).astype(np.float32)

    monkeypatch.setattr(type(space), "hit_chance", hit_chance, raising=False)


@pytest.mark.parametrize("top", [1, 3, 7, 20, 25])
def test_pages_of_any_size_show_each_that_fits_once_and_in_order(
    library: Any, make_searcher: MakeSearcher, by_looks: None, top: int
) -> None:
    fitting = {3, 4, 9, 15, 19, 22, 30, 41}
    for number in range(45):
        look = 0.75 if number in fitting else 0.25
        library.embed(library.asset(f"/{number:02}.jpg"), library.space(), [[0.9 - number / 100, look, 0, 0]])
    searcher = make_searcher()
    pages = [searcher.search(Query("1 0 0 0", top=top, offset=offset)) for offset in range(0, 70, top)]
    assert [name for page in pages for name in names(page)] == [f"{number:02}.jpg" for number in sorted(fitting)]
    assert names(pages[0])  # what is said to fit is shown at once, however small the page
    assert all(page.fits for page in pages)


def test_where_none_of_the_nearest_fits_nothing_further_down_is_shown_as_if_it_did(
    library: Any, make_searcher: MakeSearcher, by_looks: None
) -> None:
    for number in range(30):
        look = 0.75 if number == 24 else 0.25
        library.embed(library.asset(f"/{number:02}.jpg"), library.space(), [[0.9 - number / 100, look, 0, 0]])
    result = make_searcher().search(Query("1 0 0 0", top=30))
    assert (result.fits, result.hits) == (False, ())
    assert len(make_searcher().search(Query("1 0 0 0", top=30, anyway=True)).hits) == 30


def test_that_the_ranking_goes_on_is_told_though_the_next_does_not_fit(
    library: Any, make_searcher: MakeSearcher, by_looks: None
) -> None:
    """What comes after the first 20 is not sorted by fitting: the 21st says nothing of the others."""
    for number in range(30):
        look = 0.25 if number in (20, 21, 22) else 0.75
        library.embed(library.asset(f"/{number:02}.jpg"), library.space(), [[0.9 - number / 100, look, 0, 0]])
    search = make_searcher().search
    first, second = (search(Query("1 0 0 0", top=20, offset=offset)) for offset in (0, 20))
    assert (len(first.hits), first.goes_on) == (20, True)
    assert (len(second.hits), second.goes_on) == (7, False)
    assert not search(Query("1 0 0 0", top=30)).goes_on


def test_a_filter_alone_goes_on_while_more_meets_it(filled: Any, make_searcher: MakeSearcher) -> None:
    pictures = file_filter(kind=MediaKind.PICTURE)
    pages = [make_searcher().search(Query(wanted=pictures, top=2, offset=offset)) for offset in (0, 2, 4)]
    assert [(len(page.hits), page.goes_on) for page in pages] == [(2, True), (1, False), (0, False)]
    assert make_searcher().search(Query(wanted=pictures, top=3)).goes_on is False


@pytest.mark.parametrize("query", ["1 0 0 0", ""], ids=["words", "filter alone"])
def test_beyond_all_that_there_is_nothing_is_looked_for(
    filled: Any, make_searcher: MakeSearcher, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    looked: list[int] = []

    def find(*arguments: Any) -> Any:
        looked.append(arguments[4])
        return find_candidates(*arguments)

    monkeypatch.setattr(finding, "find_candidates", find)
    searcher = make_searcher()
    for offset in (4, 2**31, 10**30):
        page = searcher.search(Query(query, wanted=file_filter(under=b"/media"), top=10**30, offset=offset))
        assert (page.hits, page.fits, page.goes_on) == ((), True, False)
    assert max(looked, default=0) <= 200
    assert len(searcher.search(Query(query, wanted=file_filter(under=b"/media"), top=10**30)).hits) in (3, 4)


def test_far_down_only_the_page_is_judged(
    library: Any, make_searcher: MakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the first, here 40, which are joined with what words find."""
    for module in (fusion, sight, finding, evidence, word_evidence):
        monkeypatch.setattr(module, "JOINED_MOST", 40)
    fill_text_index(library.catalog)
    for number in range(100):
        asset = library.asset(f"/{number:03}.jpg")
        library.embed(asset, library.space(), [[0.9 - number / 1000, 0, 0, 0]])
    with library.catalog.engine.begin() as connection:
        write_descriptions(connection, {asset: Words(caption="a dog")})
    read: set[int] = set()

    def segments(self: Lookup, space: Any, asset_ids: Any) -> Any:
        read.update(asset_ids)
        return read_segments(self, space, asset_ids)

    read_segments = Lookup.segments
    monkeypatch.setattr(Lookup, "segments", segments)
    page = make_searcher().search(Query("a dog", top=10, offset=70, unfolded=True))
    assert names(page) == [f"{number:03}.jpg" for number in range(69, 79)]  # one is moved up by its words
    assert all(hit.fits for hit in page.hits)
    assert len(read) <= 40 + 1 + 10


def test_the_first_page_decides_what_fits_on_every_page(library: Any, make_searcher: MakeSearcher) -> None:
    space = library.space()
    for number in range(30):
        library.embed(library.asset(f"/{number:02}.jpg"), space, [[0.8 - number / 50, 0, 0, 0]])
    last = make_searcher().search(Query("1 0 0 0", top=5, offset=25, anyway=True))
    assert names(last) == [f"{number:02}.jpg" for number in range(25, 30)]
    assert last.fits
    assert not any(hit.fits for hit in last.hits)


def test_pages_follow_one_another(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    pages = [searcher.search(Query("1 0 0 0", top=1, offset=offset, anyway=True)) for offset in range(5)]
    assert [names(page) for page in pages] == [["best.jpg"], ["clip.mp4"], ["good.jpg"], ["poor.jpg"], []]
    assert all(page.fits for page in pages)


def test_filters_reach_the_answer(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    late = filled.asset("/other/late.jpg", taken_at=datetime(2025, 1, 1))
    filled.embed(late, filled.space(), [[1, 0, 0, 0]])
    assert names(searcher.search(Query("1 0 0 0", wanted=file_filter(under=b"/other")))) == ["late.jpg"]
    assert names(searcher.search(Query("1 0 0 0", wanted=file_filter(after=datetime(2025, 1, 1))))) == ["late.jpg"]
    assert names(searcher.search(Query("1 0 0 0", wanted=file_filter(kind=MediaKind.SOUND)))) == []


def test_copies_stand_beside_the_one_shown(library: Any, make_searcher: MakeSearcher) -> None:
    asset = library.asset("/b/1.jpg", copies=["/a/1.jpg"])
    library.embed(asset, library.space(), [[1, 0, 0, 0]])
    hit = make_searcher().search(Query("1 0 0 0")).hits[0]
    assert (hit.path, hit.copies) == (Path("/a/1.jpg"), (Path("/b/1.jpg"),))
    hit = make_searcher().search(Query("1 0 0 0", wanted=file_filter(under=b"/b"))).hits[0]
    assert (hit.path, hit.copies) == (Path("/b/1.jpg"), ())


def test_missing_files_are_hidden_at_once(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    searcher.search(Query("1 0 0 0"))
    filled.execute("UPDATE file SET present = 0 WHERE display LIKE '%best%'")
    assert names(searcher.search(Query("1 0 0 0"))) == ["clip.mp4", "good.jpg"]


def test_each_committed_batch_is_seen_by_the_next_query(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()
    searcher.search(Query("1 0 0 0"))
    filled.embed(filled.asset("/media/new.jpg"), filled.space(), [[1, 0, 0, 0]])
    assert names(searcher.search(Query("1 0 0 0")))[0] == "new.jpg"


def test_one_long_video_does_not_crowd_out_the_rest(library: Any, make_searcher: MakeSearcher) -> None:
    space = library.space()
    long = library.asset("/long.mp4", kind="video")
    library.embed(long, space, np.tile([0.9, 0, 0, 0], (400, 1)), [(second, second + 1) for second in range(400)])
    for number in range(3):
        library.embed(library.asset(f"/{number}.jpg"), space, [[0.8 - number / 10, 0, 0, 0]])
    assert names(make_searcher().search(Query("1 0 0 0", top=3))) == ["long.mp4", "0.jpg", "1.jpg"]


def test_equal_scores_come_by_name_however_many_and_pages_never_overlap(
    library: Any, make_searcher: MakeSearcher
) -> None:
    space = library.space()
    order = np.random.default_rng(0).permutation(150)
    for number in order:
        library.embed(library.asset(f"/{number:03}.jpg"), space, [[0.8, 0, 0, 0]])
    searcher = make_searcher()
    shown = [
        name for offset in range(0, 150, 10) for name in names(searcher.search(Query("1 0 0 0", top=10, offset=offset)))
    ]
    assert shown == [f"{number:03}.jpg" for number in range(150)]


@given(
    segments=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8), st.booleans()), max_size=90),
    top=st.integers(1, 5),
    offset=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_answers_equal_a_plain_ranking_of_assets(
    make_library: Callable[..., Any], space: Any, segments: list[tuple[int, int, bool]], top: int, offset: int
) -> None:
    library = make_library(f"library-{np.random.default_rng().integers(2**60)}")
    row = library.space()
    by_asset: dict[int, list[float]] = {}
    present: dict[int, bool] = {}
    for asset, score, here in segments:
        by_asset.setdefault(asset, []).append(score / 8)
        present.setdefault(asset, here)
    for number, scores in by_asset.items():
        asset = library.asset(f"/{number:02}.mp4", kind="video", present=present[number])
        library.embed(asset, row, [[score, 0, 0, 0] for score in scores], [(i, i + 1) for i in range(len(scores))])
    live = [number for number in by_asset if present[number]]
    expected = sorted(live, key=lambda number: (-max(by_asset[number]), number))[offset : offset + top]
    if not by_asset:
        return
    searcher = Searcher(library.catalog, lambda *_: pytest.fail("no picture was asked about"), spaces=lambda _: space)
    result = searcher.search(Query("1 0 0 0", top=top, offset=offset, anyway=True))
    assert names(result) == [f"{number:02}.mp4" for number in expected]


def test_an_image_finds_what_is_alike(filled: Any, make_searcher: MakeSearcher) -> None:
    result = make_searcher().search(Query(images=(Path("0,0,0,1.jpg"),)))
    assert names(result) == ["clip.mp4"]
    assert result.hits[0].start_seconds == 4


def test_a_text_and_an_image_count_alike(library: Any, make_searcher: MakeSearcher) -> None:
    space = library.space()
    for name, vector in (("text", [1, 0, 0, 0]), ("image", [0, 1, 0, 0]), ("both", [0.7071, 0.7071, 0, 0])):
        library.embed(library.asset(f"/{name}.jpg"), space, [vector])
    query = Query("1 0 0 0", images=(Path("0,5,0,0.jpg"),), anyway=True)
    result = make_searcher().search(query)
    assert names(result) == ["both.jpg", "image.jpg", "text.jpg"]
    assert result.hits[1].score == pytest.approx(result.hits[2].score, abs=1e-3)


def test_an_image_that_can_not_be_used_is_said_plainly(filled: Any, make_searcher: MakeSearcher) -> None:
    with pytest.raises(QueryError, match="can't be used"):
        make_searcher().search(Query(images=(Path("broken.jpg"),)))


def test_the_chance_knows_how_much_was_compared(filled: Any, make_searcher: MakeSearcher, space: Any) -> None:
    searcher = make_searcher()
    searcher.search(Query("1 0 0 0"))
    assert set(space.items) == {7}
    space.items.clear()
    searcher.search(Query("1 0 0 0", wanted=file_filter(kind=MediaKind.PICTURE)))
    assert set(space.items) == {3}


def test_tags_come_from_the_kept_track(filled: Any, make_searcher: MakeSearcher) -> None:
    filled.track(1, "imagenet_classes", [[0, 0]], [[1, *range(2, 11), 0.875, *[0.0] * 9]])
    hits = make_searcher().search(Query("1 0 0 0")).hits
    assert [(tag.label, tag.source) for tag in hits[0].tags] == [("fish", "imagenet"), ("goldfish", "imagenet")]
    assert hits[1].tags == ()


def test_peoples_tags_stand_before_the_tracks_and_refusals_hide_it(filled: Any, make_searcher: MakeSearcher) -> None:
    filled.track(1, "imagenet_classes", [[0, 0]], [[1, *range(2, 11), 0.875, *[0.0] * 9]])
    Tags(filled.catalog).add(["Anna"], [1])
    Tags(filled.catalog).remove(["Goldfish"], [1])
    (hit, *_) = make_searcher().search(Query("1 0 0 0")).hits
    assert [tag.label for tag in hit.tags] == ["Anna", "fish"]


def test_tags_of_a_run_take_the_place_of_the_track(filled: Any, make_searcher: MakeSearcher) -> None:
    filled.track(1, "imagenet_classes", [[0, 0]], [[1, *range(2, 11), 0.875, *[0.0] * 9]])
    TagWork(filled.catalog, "test", "1", TrackSource("x", 1, "1")).write([AssetTags(1, {"pond": 0.8})])
    (hit, *_) = make_searcher().search(Query("1 0 0 0")).hits
    assert hit.tags == (Tag("pond", 0.8, "test"),)


def test_only_what_bears_the_tags_is_found(filled: Any, make_searcher: MakeSearcher) -> None:
    Tags(filled.catalog).add(["Anna"], [1])
    hits = make_searcher().search(Query("1 0 0 0", wanted=file_filter(tags=("anna",)), anyway=True)).hits
    assert [tag.label for hit in hits for tag in hit.tags] == ["Anna"]
    with pytest.raises(QueryError, match=r"nothing has the tag 'Ann'; did you mean Anna\?"):
        make_searcher().search(Query("1 0 0 0", wanted=file_filter(tags=("Ann",))))


def test_an_empty_library_says_how_to_fill_it(library: Any, make_searcher: MakeSearcher) -> None:
    with pytest.raises(LibraryError, match="is empty; fill it with `vidi index FOLDER`"):
        make_searcher().search(Query("1 0 0 0"))


def test_a_library_of_another_version_says_what_to_do(library: Any, make_searcher: MakeSearcher) -> None:
    library.embed(library.asset("/1.jpg"), library.space(version="0"), [[1, 0, 0, 0]])
    with pytest.raises(LibraryError, match="indexed by version 0 of starter, and this vidi has version 1; run"):
        make_searcher().search(Query("1 0 0 0"))


def test_an_unknown_space_is_told_by_the_registry(filled: Any, make_searcher: MakeSearcher) -> None:
    with pytest.raises(UnknownSpaceError, match="no space 'nope'"):
        make_searcher().search(Query("1 0 0 0", space="nope"))


def test_a_space_with_nothing_in_it_names_those_that_have(filled: Any, make_searcher: MakeSearcher, space: Any) -> None:
    other = type(space)("other")
    with pytest.raises(QueryError, match=r"nothing is indexed in the space other, expected one of: starter; add it"):
        make_searcher(other).search(Query("1 0 0 0", space="other"))


def test_a_library_of_one_other_space_is_searched_in_that(
    library: Any, make_searcher: MakeSearcher, space: Any
) -> None:
    library.embed(library.asset("/1.jpg"), library.space(name="other"), [[1, 0, 0, 0]])
    assert make_searcher(type(space)("other")).search(Query("1 0 0 0")).space == "other"


@pytest.mark.parametrize(
    ("text", "notice"),
    [("word " * 20, "longer than starter reads"), ("собака на пляже", "understands only English")],
)
def test_what_could_not_count_is_said(filled: Any, make_searcher: MakeSearcher, text: str, notice: str) -> None:
    (line,) = make_searcher().search(Query(text)).notices
    assert notice in line


def test_by_words_alone_it_does_not_matter_what_the_space_reads(filled: Any, make_searcher: MakeSearcher) -> None:
    query = Query("собака на пляже" + " word" * 20, by=By.TEXT, wanted=file_filter(kind=MediaKind.SOUND))
    assert make_searcher().search(query).notices == ()


def test_a_space_of_many_languages_says_nothing(library: Any, make_searcher: MakeSearcher, space: Any) -> None:
    library.embed(library.asset("/1.jpg"), library.space(name="many"), [[1, 0, 0, 0]])
    many = type(space)("many", languages=("en", "ru"))
    assert make_searcher(many).search(Query("собака", space="many")).notices == ()


def test_a_damaged_track_costs_its_tags_alone(filled: Any, make_searcher: MakeSearcher) -> None:
    filled.track(1, "imagenet_classes", [[0, 0]], [[1, *range(2, 11), 0.875, *[0.0] * 9]])
    filled.execute("UPDATE track SET times = NULL, features = NULL, path = 'tracks/ab/none.safetensors'")
    lines: list[str] = []
    hits = make_searcher(notice=lines.append).search(Query("1 0 0 0")).hits
    assert (len(hits), hits[0].tags) == (3, ())
    assert "none.safetensors can't be read" in lines[-1]


def test_what_vanished_since_it_was_indexed_is_not_shown(
    filled: Any, make_searcher: MakeSearcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.file("/media/a copy.jpg", 1)
    gone = {b"/media/a copy.jpg", b"/media/clip.mp4"}
    monkeypatch.setattr(searcher, "_exists", lambda path: path not in gone)
    result = make_searcher().search(Query("1 0 0 0"))
    assert [(hit.path.name, hit.copies) for hit in result.hits] == [("best.jpg", ()), ("good.jpg", ())]
    (line,) = result.notices
    assert line.startswith("1 of the results is hidden: what was found is gone; run `vidi index`")
    monkeypatch.setattr(searcher, "_exists", lambda _path: True)
    assert names(make_searcher().search(Query("1 0 0 0"))) == ["a copy.jpg", "clip.mp4", "good.jpg"]


def test_sounds_are_awaited(filled: Any, make_searcher: MakeSearcher) -> None:
    result = make_searcher().search(Query("1 0 0 0", wanted=file_filter(kind=MediaKind.SOUND)))
    assert (result.fits, result.hits) == (False, ())
    (line,) = result.notices
    assert line == (
        "sounds are found by words alone here: how they sound is not indexed yet; "
        "run `vidi index` on their folder again"
    )
