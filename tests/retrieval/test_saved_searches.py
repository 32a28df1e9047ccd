"""Searches under names: kept as they were asked, replaced, and forgotten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import LibraryBusyError, QueryError
from retrieval.library import Library


@pytest.fixture
def opened(library: Any) -> Iterator[Library]:
    with Library(library.folder) as opened:
        yield opened


def test_a_search_is_kept_with_all_that_was_asked(
    opened: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/anna")
    opened.save_search(
        "beach days",
        "beach tag:dog",
        under=Path("~/Pictures"),
        image="a.jpg",
        after=datetime(2024, 6, 1),
        like=["b.jpg", 7, ("c.mp4", 2.5)],
        unfolded=True,
    )
    kept = opened.saved_search("  beach   days ")
    assert kept.asked == {
        "query": "beach tag:dog",
        "under": "/home/anna/Pictures",
        "image": str(tmp_path / "a.jpg"),
        "after": "2024-06-01T00:00:00",
        "like": [str(tmp_path / "b.jpg"), 7, [str(tmp_path / "c.mp4"), 2.5]],
        "unfolded": True,
    }
    assert opened.saved_searches() == [kept]


def test_a_name_that_is_no_text_in_a_path_is_kept(opened: Library) -> None:
    path = os.fsdecode(b"/media/\xff.jpg")
    opened.save_search("x", image=path)
    assert opened.saved_search("x").asked["image"] == path
    json.dumps(opened.saved_search("x").asked)


def test_a_name_is_taken_over_and_forgotten(opened: Library) -> None:
    for query in ("a", "b"):
        opened.save_search("Zoo", query)
    opened.save_search("attic", "c")
    assert [(each.name, each.asked["query"]) for each in opened.saved_searches()] == [("attic", "c"), ("Zoo", "b")]
    opened.forget_search("Zoo")
    with pytest.raises(QueryError, match="no search is saved as 'Zoo'; there are: attic"):
        opened.forget_search("Zoo")
    opened.forget_search("attic")
    with pytest.raises(QueryError, match="no search is saved as 'attic'; none is saved yet"):
        opened.saved_search("attic")


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        (" ", {"query": "x"}, "the name of a search is empty"),
        ("a", {"query": '"x'}, "this quote is never closed"),
        ("a", {"query": "x", "kind": "film"}, "there is no kind 'film'"),
        ("a", {"query": "x", "by": "smell"}, "can't rank by 'smell'"),
    ],
)
def test_what_can_not_be_asked_is_not_kept(opened: Library, name: str, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        opened.save_search(name, **asked)
    assert opened.saved_searches() == []


def test_what_concerns_a_page_is_not_part_of_a_search(opened: Library) -> None:
    with pytest.raises(TypeError, match="a saved search has no offset, top; expected after, "):
        opened.save_search("a", "x", top=3, offset=1)


def test_another_writer_is_told(opened: Library, library: Any) -> None:
    with library.catalog.lock(), pytest.raises(LibraryBusyError, match="another vidi"):
        opened.save_search("a", "x")
