"""What is counted beside an answer: against a count by hand, and as things change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.search.facets import FacetCounter, Facets
from retrieval.store.file_filter import EVERYTHING
from retrieval.store.tags import Tags
from retrieval.store.timed_texts import write_timed_texts
from retrieval.types import TextSource, TimedText


@pytest.fixture
def filled(library: Any) -> Any:
    library.asset("/m/trips/rome/a.jpg", taken_at=datetime(2023, 12, 31, 23), copies=["/m/copies/a.jpg"])
    library.asset("/m/trips/rome/b.jpg", taken_at=datetime(2024, 1, 1))
    library.asset("/m/trips/b c/c.mp4", kind="video", modified=datetime(2024, 7, 1))
    library.asset("/m/home/d.mp4", kind="video", modified=datetime(2022, 7, 1))
    library.asset("/m/home/gone.mp4", kind="video", present=False)
    library.execute("UPDATE asset SET camera = 'NIKON D70' WHERE id < 3")
    library.execute("UPDATE asset SET has_sound = 1, latitude = 1, longitude = 2 WHERE id IN (3, 5)")
    tags = Tags(library.catalog)
    tags.add(["Dog", "red car"], [1, 2, 5])
    tags.add(["dog"], [3])
    tags.remove(["DOG"], [2])
    said = TimedText(TextSource.SPEECH, 0, 1, "hello", 0.9)
    with library.catalog.engine.begin() as connection:
        write_timed_texts(connection, {3: {("speech", "1"): [said, said]}, 4: {("speech", "1"): []}})
    return library


@pytest.fixture
def opened(filled: Any) -> Iterator[Library]:
    with Library(filled.folder) as opened:
        yield opened


def told(facets: Facets) -> dict[str, list[tuple[str, int]]]:
    return {facet.name: [(value.label, value.count) for value in facet.values] for facet in facets.facets}


def test_everything_is_counted_once(opened: Library) -> None:
    facets = opened.facets()
    assert facets.contents == 4
    assert told(facets) == {
        "kind": [("picture", 2), ("video", 2)],
        "year": [("2024", 2), ("2023", 1), ("2022", 1)],
        "folder": [("trips", 3), ("home", 1)],
        "tag": [("Dog", 2), ("red car", 2)],
        "camera": [("NIKON D70", 2)],
        "has": [("sound", 1), ("speech", 1), ("place", 1)],
    }


def test_each_token_asks_for_what_was_counted(opened: Library) -> None:
    facets = opened.facets()
    for facet in facets.facets:
        for value in facet.values:
            assert opened.facets(value.token).contents == value.count, value.token
            both = opened.facets(f"sunset {value.token} kind:video")
            assert both.contents <= value.count


def test_filters_narrow_what_is_counted_and_folders_go_down(opened: Library) -> None:
    assert told(opened.facets("dog under:/m/trips"))["folder"] == [("rome", 2), ("b c", 1)]
    assert told(opened.facets(under="/m/trips", kind="picture")) == {
        "kind": [("picture", 2)],
        "year": [("2024", 1), ("2023", 1)],
        "tag": [("red car", 2), ("Dog", 1)],
        "camera": [("NIKON D70", 2)],
    }
    assert opened.facets("on:1999") == Facets(0, ())
    assert [value.token for value in opened.facets(most=1).facets[2].values] == ["under:/m/trips"]
    with pytest.raises(QueryError, match="this quote is never closed"):
        opened.facets('"x')


def test_folders_of_trees_apart_are_told_by_where_each_parts(library: Any) -> None:
    for path in ("/home/me/Pictures/a.jpg", "/home/me/Pictures/rome/b.jpg", "/mnt/disk/old/c.jpg"):
        library.asset(path)
    with Library(library.folder) as opened:
        (folders,) = (facet.values for facet in opened.facets().facets if facet.name == "folder")
    assert [(value.label, value.count, value.token) for value in folders] == [
        ("Pictures", 2, "under:/home/me/Pictures"),
        ("old", 1, "under:/mnt/disk/old"),
    ]


def test_an_empty_library_has_no_facets(library: Any) -> None:
    assert FacetCounter(library.catalog).count(EVERYTHING, 9) == Facets(0, ())


def test_changes_are_followed_though_not_at_every_commit_of_a_big_library(filled: Any) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1  # reading takes two seconds by this clock
        return now[0]

    counter = FacetCounter(filled.catalog, clock=clock)
    assert counter.count(EVERYTHING, 9).contents == 4
    filled.asset("/m/new.jpg")
    assert counter.count(EVERYTHING, 9).contents == 4
    now[0] += 60
    assert counter.count(EVERYTHING, 9).contents == 5
