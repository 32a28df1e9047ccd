"""What people are shown of an answer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from retrieval.search.results import Hit, Reason, SearchResult
from retrieval.types import MediaKind, Moment
from ui.presentation import chance, goes_on, headline, result_lines, rows_of

VIDEO = Hit(
    Path("/media/cat.mp4"), (), MediaKind.VIDEO, 0.916, True, (Moment(7.2, 12.9, 0.916), Moment(60.0, 65.0, 0.8))
)
PICTURE = Hit(Path("/media/cat.jpg"), (Path("/backup/cat.jpg"),), MediaKind.PICTURE, 0.5, True)


def answer(*hits: Hit, fits: bool = True, notices: tuple[str, ...] = ()) -> SearchResult:
    return SearchResult(query="a cat", space="starter", fits=fits, hits=hits, notices=notices)


@pytest.mark.parametrize(
    ("score", "words"), [(0.0, "under 1 %"), (0.0051, "1 %"), (0.5, "50 %"), (0.994, "99 %"), (1.0, "over 99 %")]
)
def test_a_chance_is_never_certain(score: float, words: str) -> None:
    assert chance(score) == words


def test_a_row_of_a_video_begins_with_its_best_moment() -> None:
    (row,) = rows_of([VIDEO])
    assert row.moment is not None
    assert (row.name, row.folder, row.chance) == ("cat.mp4", "/media", "92 %")
    assert [moment.label for moment in row.moments] == ["0:07–0:12", "1:00–1:05"]
    assert (row.moment.start_seconds, row.moment.end_seconds) == (7.2, 12.9)


def test_a_row_of_a_picture_has_no_moment_and_tells_its_copies() -> None:
    (row,) = rows_of([PICTURE])
    assert row.moment is None
    assert row.copies == ("/backup/cat.jpg",)


def test_a_name_that_is_no_text_stays_on_one_line() -> None:
    path = Path(os.fsdecode(b"/media/caf\xe9\nx\x1b[31m.jpg"))
    (row,) = rows_of([Hit(path, (), MediaKind.PICTURE, 0.5, True)])
    assert row.name == "caf\\xe9\\nx\\x1b[31m.jpg"
    assert row.path == path


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (answer(VIDEO, PICTURE), "2 results, best first"),
        (answer(VIDEO), "1 result, with the chance that it fits."),
        (answer(replace(VIDEO, why=(Reason("filter", 1.0),))), "1 result, the newest first."),
        (answer(fits=False), "Nothing fits."),
        (answer(VIDEO, fits=False), "Nothing fits. This is the nearest."),
        (answer(VIDEO, PICTURE, fits=False), "Nothing fits. These 2 are the nearest."),
    ],
    ids=["several", "filter alone", "one", "none", "nearest", "several nearest"],
)
def test_the_headline_is_honest(result: SearchResult, words: str) -> None:
    assert headline(result, len(result.hits)).startswith(words)


def test_lines_for_a_terminal() -> None:
    lines = result_lines(answer(VIDEO, PICTURE, notices=("starter understands only English",)))
    assert lines == [
        "2 results, best first, with the chance that each fits.",
        "starter understands only English",
        "92 %  /media/cat.mp4  at 0:07–0:12",
        "50 %  /media/cat.jpg",
        "      also /backup/cat.jpg",
    ]


@pytest.mark.parametrize(
    ("offset", "has_more", "words"),
    [(0, True, "The first 2 results, best first"), (24, True, "Results 25 to 26, "), (24, False, "Results 25 to 26, ")],
)
def test_a_part_is_not_counted_as_the_whole(offset: int, has_more: bool, words: str) -> None:
    assert headline(answer(VIDEO, PICTURE), 2, offset=offset, goes_on=has_more).startswith(words)


@pytest.mark.parametrize(
    ("ranking_goes_on", "top", "more"),
    [(True, 2, True), (True, 4, True), (True, 5, False), (False, 2, False)],
    ids=["full page", "half a page", "hardly any fits", "end of the ranking"],
)
def test_more_is_offered_where_the_ranking_goes_on_and_half_a_page_fits(
    ranking_goes_on: bool, top: int, more: bool
) -> None:
    assert goes_on(replace(answer(VIDEO, PICTURE), goes_on=ranking_goes_on), top) is more


def test_lines_for_a_terminal_tell_that_there_are_more() -> None:
    assert result_lines(replace(answer(PICTURE), goes_on=True), offset=20, top=2) == [
        "Result 21, best first, with the chance that each fits.",
        "50 %  /media/cat.jpg",
        "      also /backup/cat.jpg",
        "More: the same with --offset 22",
    ]


def test_lines_for_a_terminal_claim_no_chance_of_what_meets_a_filter() -> None:
    assert result_lines(answer(replace(PICTURE, why=(Reason("filter", 1.0),)))) == [
        "1 result, the newest first.",
        "/media/cat.jpg",
        "  also /backup/cat.jpg",
    ]


def test_lines_for_a_terminal_where_nothing_nearer_is_to_be_had() -> None:
    assert result_lines(answer(fits=False), offers_nearest=False) == ["Nothing is all of this."]


def test_lines_for_a_terminal_past_the_last_page() -> None:
    assert result_lines(answer()) == ["No more results."]


def test_lines_for_a_terminal_when_nothing_fits() -> None:
    assert result_lines(answer(fits=False)) == [
        "Nothing fits.",
        "Try other words, or add --anyway to see the nearest.",
    ]


def test_a_line_tells_the_shares_of_what_is_found_by_several_things() -> None:
    why = (Reason("speech", 0.6, "it will rain", 7.0, 9.0), Reason("audio", 0.397), Reason("motion", 0.003))
    lines = result_lines(answer(replace(VIDEO, why=why)))
    assert lines[-1].strip() == "by what is said (60 %), what is heard (40 %)"
