"""Kept searches as the page's address, and as words."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from retrieval.search.reading import read_query
from retrieval.store.saved_searches import SavedSearch
from ui.kept_searches import address_of, joined, mark_of, saved_json
from ui.presentation import saved_line


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"query": "a & b"}, {"q": ["a & b"]}),
        ({"query": "dog", "kind": "video", "after": "2024-06", "tags": ["red car"]},
         {"q": ['dog kind:video after:2024-06 tag:"red car"']}),
        ({"query": "", "under": "/a b", "by": "fused"}, {"q": ['under:"/a b"']}),
        ({"query": "dog", "like": [12, [13, 3.5]], "unlike": [7], "unfolded": True},
         {"q": ["dog"], "like": ["12", "13@3.5"], "unlike": ["7"], "unfolded": ["true"]}),
    ],
)  # fmt: skip
def test_the_address_that_answers_it(asked: dict[str, Any], said: dict[str, list[str]]) -> None:
    address = address_of(asked)
    assert address is not None
    assert parse_qs(address[1:]) == said


def test_its_fields_are_read_again(tmp_path: object) -> None:
    address = address_of({"query": "dog", "kind": "video", "after": "2024-06-01T18:30:00", "before": "2025"})
    assert address is not None
    (line,) = parse_qs(address[1:])["q"]
    assert read_query(line).text == "dog"


@pytest.mark.parametrize(
    "asked", [{"image": ["/a.jpg"]}, {"space": "mmt/starter"}, {"by": "text"}, {"like": ["/a.jpg"]}]
)
def test_what_the_page_cant_ask_has_none(asked: dict[str, Any]) -> None:
    assert address_of({"query": "dog"} | asked) is None


def test_words_are_added_and_options_take_a_place() -> None:
    kept = {"query": "beach", "kind": "picture", "tags": ["dog"]}
    assert joined(kept, {"query": "at noon", "kind": "video"}) == {
        "query": "beach at noon", "kind": "video", "tags": ["dog"],
    }  # fmt: skip
    assert joined(kept, {}) == kept


def test_moments_are_told_as_they_are_asked_for() -> None:
    asked = {"query": "dog", "like": [[12, 3.5], 7], "image": "/a.jpg"}
    saved = SavedSearch("a", asked, datetime(2026, 1, 2))
    assert saved_line(saved) == "dog --like 12@3.5 --like 7 --image /a.jpg"
    told = saved_json(saved)
    assert (told["like"], told["image"], told["saved_at"]) == (["12@3.5", "7"], ["/a.jpg"], "2026-01-02T00:00:00")
    assert mark_of((3, 2.0)) == "3@2"
