"""What people wrote beside what the frames show: who joins, in which order, and that nothing else moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import QueryError
from retrieval.search.captions import Captions
from retrieval.search.query import By, Query
from retrieval.search.query_words import content_words, spoken_words
from retrieval.search.searcher import Searcher
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.store.file_filter import file_filter
from retrieval.store.text_lookup import TextLookup
from retrieval.types import MediaKind, Words

MakeSearcher = Callable[..., Searcher]


@pytest.fixture
def filled(library: Any) -> Any:
    """By the first axis, which every text asks for: best 0.9, good 0.7, poor 0.2, none 0."""
    fill_text_index(library.catalog)
    space = library.space()
    for name, score in (("best", 0.9), ("good", 0.7), ("poor", 0.2), ("none", 0.0)):
        library.embed(library.asset(f"/media/{name}.jpg"), space, [[score, 0.1, 0, 0]])
    return library


def say(library: Any, asset: int, words: Words) -> None:
    with library.catalog.engine.begin() as connection:
        write_descriptions(connection, {asset: words})


def names(result: Any) -> list[str]:
    return [hit.path.stem for hit in result.hits]


def test_words_of_no_asset_change_nothing(filled: Any, make_searcher: MakeSearcher) -> None:
    before = make_searcher().search(Query("dog on a beach", anyway=True))
    say(filled, 4, Words(caption="a cat on a rock"))
    assert make_searcher().search(Query("dog on a beach", anyway=True)) == before
    assert [reason.source for reason in before.hits[0].why] == ["frames"]


def test_an_asset_that_holds_some_words_is_moved_up_by_their_share(filled: Any, make_searcher: MakeSearcher) -> None:
    """The scores 0.9, 0.7, 0.2 and 0 have a deviation of 0.364: three times a half of it are 0.546."""
    say(filled, 4, Words(caption="a cat on a beach"))
    result = make_searcher().search(Query("dog on a beach", anyway=True))
    assert names(result) == ["best", "good", "none", "poor"]
    (why_caption,) = result.hits[2].why
    assert (why_caption.source, why_caption.quote) == ("caption", "a cat on a beach")
    assert not result.hits[2].fits
    assert names(make_searcher().search(Query("dog on a beach"))) == ["best", "good"]
    say(filled, 2, Words(caption="a dog and a cat"))
    lifted = make_searcher().search(Query("dog on a beach")).hits
    assert [hit.path.stem for hit in lifted] == ["good", "best"]
    assert [reason.share for reason in lifted[0].why] == pytest.approx([0.7 / 1.246, 0.546 / 1.246], abs=1e-3)
    by_frames = make_searcher().search(Query("dog on a beach", by=By.FRAMES))
    assert names(by_frames) == ["best", "good"]


def test_an_asset_that_holds_all_words_joins_and_fits(filled: Any, make_searcher: MakeSearcher) -> None:
    say(filled, 3, Words(caption="Our dogs at the beach", keywords=("summer",)))
    result = make_searcher().search(Query("a dog on the beach in summer"))
    assert names(result) == ["poor", "best", "good"]
    hit = result.hits[0]
    assert (hit.score, hit.fits) == (0.95, True)
    assert [reason.source for reason in hit.why] == ["caption", "frames"]
    assert sum(reason.share for reason in hit.why) == pytest.approx(1)
    assert hit.why[0].quote in ("Our dogs at the beach", "summer")
    assert result.hits[1].score == pytest.approx(0.9, abs=1e-3)


def test_words_alone_make_an_answer_where_nothing_looks_so(
    filled: Any, make_searcher: MakeSearcher, space: Any
) -> None:
    space.fits_from = 0.97
    assert not make_searcher().search(Query("grandmother")).fits
    say(filled, 4, Words(people=("Grandmother Anna",)))
    result = make_searcher().search(Query("grandmother"))
    assert (names(result), result.fits, result.hits[0].score) == (["none"], True, 0.97)


def test_other_evidence_leaves_words_out(filled: Any, make_searcher: MakeSearcher) -> None:
    say(filled, 3, Words("dog"))
    for by in (By.SPACE, By.FRAMES):
        assert names(make_searcher().search(Query("dog", by=by))) == ["best", "good"]
    found = make_searcher().search(Query("dog", images=(Path("1,0,0,0.jpg"),)))
    assert "poor" not in names(found)


def test_by_text_ranks_by_words_alone(filled: Any, make_searcher: MakeSearcher) -> None:
    say(filled, 1, Words(caption="a dog and " + "much more " * 20 + "a beach"))
    say(filled, 4, Words("dog", "beach"))
    say(filled, 2, Words("dog"))
    searcher = make_searcher()
    result = searcher.search(Query("dog beach", by=By.TEXT))
    assert (names(result), result.fits) == (["none", "best"], True)
    assert all(hit.why[0].source == "caption" and hit.why[0].quote for hit in result.hits)
    anyway = searcher.search(Query("dog beach", by=By.TEXT, anyway=True))
    assert [(hit.path.stem, hit.fits, hit.score) for hit in anyway.hits][2:] == [("good", False, 0.25)]
    nothing = searcher.search(Query("submarine", by=By.TEXT))
    assert (nothing.fits, nothing.hits) == (False, ())


@pytest.mark.parametrize("by", [By.FUSED, By.TEXT])
def test_pages_and_filters_hold(filled: Any, make_searcher: MakeSearcher, by: By) -> None:
    for asset in (2, 3, 4):
        say(filled, asset, Words("dog " * asset))
    searcher = make_searcher()
    whole = names(searcher.search(Query("dog", by=by)))
    paged = [name for offset in range(5) for name in names(searcher.search(Query("dog", by=by, top=1, offset=offset)))]
    assert paged == whole
    assert len(whole) == (4 if by is By.FUSED else 3)
    assert names(searcher.search(Query("dog", by=by, wanted=file_filter(kind=MediaKind.VIDEO)))) == []
    assert names(searcher.search(Query("dog", by=by, wanted=file_filter(under=b"/media/poor.jpg")))) == ["poor"]


def test_text_is_asked_of_words() -> None:
    with pytest.raises(QueryError, match="searched by words alone"):
        Query("dog", images=(Path("a.jpg"),), by=By.TEXT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog on the Beach!", ["dog", "beach!"]),
        ("the one with it", ["one"]),
        ("to be or of the", ["to", "be", "or", "of", "the"]),
        ("dog - dog * ?", ["dog"]),
        ("...", []),
        ("word%d " * 3, ["word%d"]),
    ],
)
def test_function_words_need_not_be_held(text: str, words: list[str]) -> None:
    assert content_words(text) == words
    assert len(content_words(" ".join(map(str, range(99))))) == 32


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("someone says to call the plumber", ["call", "plumber"]),
        ("Somebody said that winter is over", ["winter"]),
        ("a man saying happy birthday", ["happy", "birthday"]),
        ("the woman is saying: happy birthday", ["happy", "birthday"]),
        ("a voice who says hello there", ["hello", "there"]),
        ("saying good night", ["good", "night"]),
        ("happy birthday", ["happy", "birthday"]),
        ("a dog says nothing", ["dog", "says", "nothing"]),
        ("someone saysay", ["someone", "saysay"]),
        ("someone says", ["someone", "says"]),
        ("someone says ...", ["someone", "says"]),
    ],
)
def test_what_spoken_words_are_wrapped_in_is_not_sought(text: str, words: list[str]) -> None:
    assert spoken_words(Query(text)) == words


def test_an_index_that_is_damaged_costs_the_words_alone(filled: Any, make_searcher: MakeSearcher) -> None:
    say(filled, 3, Words("dog"))
    filled.execute("DROP TABLE text_index_2_data")
    lines: list[str] = []
    assert names(make_searcher(notice=lines.append).search(Query("dog"))) == ["best", "good"]
    assert "`vidi rebuild` makes their index again" in lines[-1]


def test_parts_are_named_and_hidden(filled: Any, make_searcher: MakeSearcher) -> None:
    space = filled.space()
    clip = filled.asset("/media/best.mov", kind="video")
    filled.embed(clip, space, [[0.95, 0, 0, 0]], [(0, 1)])
    filled.execute("INSERT INTO part (file_id, main_file_id, role) VALUES (5, 1, 'motion')")
    (best, _) = make_searcher().search(Query("1 0 0 0")).hits
    assert (best.path.name, best.parts) == ("best.jpg", (Path("/media/best.mov"),))
    assert best.to_json()["parts"] == [{"path": "/media/best.mov"}]
    filled.execute("UPDATE file SET present = 0 WHERE id = 1")
    assert names(make_searcher().search(Query("1 0 0 0", wanted=file_filter(kind=MediaKind.VIDEO)))) == ["best"]


def test_captions_of_what_is_missing_are_passed_over(filled: Any) -> None:
    from retrieval.store.lookup import Lookup

    say(filled, 3, Words("dog"))
    captions = Captions(Lookup(filled.catalog), TextLookup(filled.catalog, lambda line: None))
    (ranking,) = captions.find(Query("dog"), 10)
    assert [asset.id for asset in ranking.assets] == [3]
    filled.execute("UPDATE file SET present = 0")
    assert captions.find(Query("dog"), 10) == []


@pytest.mark.parametrize("anyway", [False, True])
def test_filtered_pages_beside_words_show_each_once_past_all_that_is_joined(
    library: Any, make_searcher: MakeSearcher, anyway: bool
) -> None:
    """Seven say it, two of them elsewhere; by the frames 210 of 230 fit, ten of them elsewhere."""
    fill_text_index(library.catalog)
    space = library.space()
    said, here = [], []
    for number in range(230):
        folder = "other" if number % 23 == 5 else "media"
        asset = library.asset(f"/{folder}/{number:03}.jpg")
        library.embed(asset, space, [[0.9 - number / 1000 if number < 210 else 0.1, 0, 0, 0]])
        if number in {5, 60, 143, 199, 205, 215, 229}:
            say(library, asset, Words(caption="a dog"))
            said += [f"{number:03}"] if folder == "media" else []
        here += [f"{number:03}"] if folder == "media" and (anyway or number < 210 or number in {215, 229}) else []
    searcher, wanted = make_searcher(), file_filter(under=b"/media")
    pages = [
        searcher.search(Query("a dog", wanted=wanted, top=30, offset=offset, anyway=anyway))
        for offset in range(0, 300, 30)
    ]
    shown = [name for page in pages for name in names(page)]
    assert sorted(shown) == sorted(here)
    assert set(said) <= set(shown[:20])
    assert (names(pages[-1]), all(page.fits for page in pages)) == ([], True)
