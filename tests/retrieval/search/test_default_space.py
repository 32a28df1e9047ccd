"""Which space is meant where none is named."""

from __future__ import annotations

from typing import Any

from retrieval.search.default_space import default_space


def test_an_empty_library_means_the_starter(library: Any) -> None:
    library.space(name="other")  # known, with nothing in it
    assert default_space(library.catalog) == "starter"


def test_a_library_that_is_all_in_others_means_the_newest_of_them(library: Any) -> None:
    library.embed(library.asset("/1.jpg"), library.space(name="first"), [[1, 0, 0, 0]])
    assert default_space(library.catalog) == "first"
    library.embed(library.asset("/2.jpg"), library.space(name="second"), [[1, 0, 0, 0]])
    assert default_space(library.catalog) == "second"
    library.embed(library.asset("/3.jpg"), library.space(), [[1, 0, 0, 0]])
    assert default_space(library.catalog) == "starter"


def test_what_was_chosen_comes_before_all(library: Any) -> None:
    library.embed(library.asset("/1.jpg"), library.space(), [[1, 0, 0, 0]])
    library.catalog.choose_default_space("other")
    assert default_space(library.catalog) == "other"
