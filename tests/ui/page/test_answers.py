"""What the page says to a query, by the library's state."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.search.results import SearchResult
from retrieval.store.catalog import Catalog
from tests.ui.page.colours import ColourLibrary, ColourSpace, embed_pictures, write_picture
from tests.ui.page.conftest import Collection
from ui.page.answers import PAGE_SIZE, Answers, Question

MakeAnswers = Callable[[Path], Answers]
open_library = partial(Library, spaces=lambda name: ColourSpace(), embed_pictures=embed_pictures)


@pytest.fixture
def make_answers() -> Iterator[MakeAnswers]:
    closing: list[Catalog | Library] = []

    def make(folder: Path) -> Answers:
        catalog, library = Catalog(folder), open_library(folder)
        closing.extend((catalog, library))
        return Answers(library, catalog)

    yield make
    for each in closing:
        each.close()


@pytest.fixture
def own_library(empty_library: Path, tmp_path: Path) -> Iterator[ColourLibrary]:
    folder = tmp_path / "library"
    shutil.copytree(empty_library, folder)
    library = ColourLibrary(folder)
    yield library
    library.close()


def test_an_empty_library(own_library: ColourLibrary, make_answers: MakeAnswers) -> None:
    answer = make_answers(own_library.folder).answer(Question("red"))
    assert "Nothing is indexed yet." in answer.gallery
    assert "vidi index ~/Pictures" in answer.gallery
    assert not answer.offers_nearest


def test_what_is_indexed_next_is_found(own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path) -> None:
    answers = make_answers(own_library.folder)
    answers.answer(Question("red"))
    for number in range(2):
        own_library.add_picture(write_picture(tmp_path / f"{number:0>{number + 1}}.png", "red"), "red")
        assert answers.answer(Question("red")).gallery.count("vidi-card") == number + 1
    assert "2 pictures indexed" in answers.footer()


def test_indexing_has_only_begun(own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path) -> None:
    own_library.find(write_picture(tmp_path / "a.png", "red"))
    answers = make_answers(own_library.folder)
    assert "Indexing has begun." in answers.answer(Question("red")).gallery
    assert "1 file waiting to be indexed" in answers.footer()


def test_more_is_offered_while_there_is_more(
    own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path
) -> None:
    for number in range(PAGE_SIZE + 1):
        own_library.add_picture(write_picture(tmp_path / f"{number:0>{number + 1}}.png", "red"), "red")
    answers = make_answers(own_library.folder)
    first, all_of_them = answers.answer(Question("red")), answers.answer(Question("red", top=2 * PAGE_SIZE))
    assert (first.gallery.count("vidi-card"), first.offers_more) == (PAGE_SIZE, True)
    assert (all_of_them.gallery.count("vidi-card"), all_of_them.offers_more) == (PAGE_SIZE + 1, False)


def test_nothing_fits_and_the_nearest(collection: Collection, make_answers: MakeAnswers) -> None:
    answers = make_answers(collection.library)
    none, nearest = answers.answer(Question("zebra")), answers.answer(Question("zebra", anyway=True))
    assert none.offers_nearest
    assert "None of your pictures and videos seem to show “zebra”." in none.gallery
    assert not nearest.offers_nearest
    assert nearest.line == "Nothing fits. These 6 are the nearest."
    assert nearest.gallery.count("vidi-card") == 6


def test_no_word_of_another_script_is_answered_without_a_warning(
    collection: Collection, make_answers: MakeAnswers
) -> None:
    assert "understands only English." in make_answers(collection.library).answer(Question("рыжая лошадь")).gallery


def test_the_footer_tells_what_is_there(collection: Collection, make_answers: MakeAnswers) -> None:
    footer = make_answers(collection.library).footer()
    assert "4 pictures and 2 videos indexed · space starter · understands English" in footer


def test_the_footer_names_the_space_that_is_searched_not_the_first_by_name(
    own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path
) -> None:
    own_library.add_picture(write_picture(tmp_path / "a.png", "red"), "red")
    with Catalog(own_library.folder) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO space (name, version, dim, normalized) SELECT 'a_newer_one', '1', dim, normalized FROM space"
        )
        connection.exec_driver_sql(
            "INSERT INTO result (asset_id, space_id, finished_at) SELECT asset_id, max(space.id), finished_at "
            "FROM result, space"
        )
    assert "space starter" in make_answers(own_library.folder).footer()


class BrokenLibrary:
    """A library with a bug."""

    def search(self, query: str, *, image: Path | None, kind: str | None, top: int, anyway: bool) -> SearchResult:
        raise ZeroDivisionError("a secret of the code")


def test_a_bug_is_no_stack_trace(collection: Collection, caplog: pytest.LogCaptureFixture) -> None:
    with Catalog(collection.library) as catalog, caplog.at_level(logging.ERROR):
        answer = Answers(BrokenLibrary(), catalog).answer(Question("red"))
    assert "That went wrong." in answer.gallery
    assert "secret" not in answer.gallery
    assert "ZeroDivisionError: a secret of the code" in caplog.text
