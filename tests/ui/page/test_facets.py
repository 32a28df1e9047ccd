"""Filters that write into the query's one line, and take out of it again."""

from __future__ import annotations

import pytest

from retrieval.search.facets import Facet, FacetValue
from ui.page.facets import facets_markup, is_in, toggled

KIND = Facet("kind", (FacetValue("picture", 1200, "kind:picture"), FacetValue("video", 7, "kind:video")))


@pytest.mark.parametrize(
    ("query", "token", "becomes"),
    [
        ("", "kind:video", "kind:video"),
        ("a dog", "kind:video", "a dog kind:video"),
        ("a dog kind:video running", "kind:video", "a dog running"),
        ("KIND:Video", "kind:video", ""),
        ('tag:"Red Car" a street', 'tag:"red car"', "a street"),
        ("a street -tag:dog", "tag:dog", "a street -tag:dog tag:dog"),
        ("(tag:dog or tag:cat)", "tag:dog", "(tag:dog or tag:cat) tag:dog"),
        ('an "open quote', "kind:video", 'an "open quote kind:video'),
    ],
)
def test_a_token_goes_into_the_line_and_out_of_it(query: str, token: str, becomes: str) -> None:
    assert toggled(query, token) == becomes


def test_what_excludes_another_takes_its_place() -> None:
    assert toggled("kind:picture a dog", "kind:video", one_at_a_time=True) == "a dog kind:video"
    assert toggled("tag:dog", "tag:cat") == "tag:dog tag:cat"


def test_a_token_that_is_negated_does_not_stand_in_the_line() -> None:
    assert is_in("a dog kind:video", "kind:video")
    assert not is_in("-kind:video", "kind:video")
    assert not is_in('kind:video "', "kind:video")


def test_the_markup_marks_what_stands_in_the_line() -> None:
    markup = facets_markup("a dog kind:video", [KIND, Facet("camera", ())])
    assert 'aria-pressed="true" data-token="kind:video" data-becomes="a dog"' in markup
    assert 'aria-pressed="false" data-token="kind:picture" data-becomes="a dog kind:picture"' in markup
    assert "1,200" in markup
    assert "Camera" not in markup


def test_many_values_are_folded_away() -> None:
    values = tuple(FacetValue(f"tag{n}", 99 - n, f"tag:tag{n}") for n in range(9))
    assert "3 more" in facets_markup("", [Facet("tag", values)])


def test_labels_are_escaped() -> None:
    markup = facets_markup("", [Facet("folder", (FacetValue("<b>&", 1, 'under:"<b>&"'),))])
    assert "<b>" not in markup
    assert "&lt;b&gt;&amp;" in markup


def test_no_values_no_filters() -> None:
    assert facets_markup("a dog", [Facet("kind", ())]) == ""
