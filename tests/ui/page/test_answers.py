"""What the page says to a query, by the library's state."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.search.results import SearchResult
from retrieval.store.catalog import Catalog
from tests.ui.page.colours import ColourLibrary, ColourSpace, embed_pictures, write_picture, write_sound
from tests.ui.page.conftest import Collection
from ui.page.answers import PAGE_SIZE, PICTURES_MOST, Answer, Answers, Question
from ui.page.likes import Likes

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


def shown(answer: Answer) -> int:
    """How many cards."""
    return str(answer.gallery).count("vidi-card")


def goes_on(answer: Answer) -> bool:
    """Whether the page asks for more."""
    return "data-goes-on" in str(answer.gallery)


def assets(answer: Answer) -> set[int]:
    return set(map(int, re.findall(r'data-asset="(\d+)"', str(answer.gallery))))


def test_an_empty_library(own_library: ColourLibrary, make_answers: MakeAnswers) -> None:
    answer = make_answers(own_library.folder).answer(Question("red"))
    assert answer.gallery is not None
    assert "Nothing is indexed yet." in answer.gallery
    assert "vidi-to-library" in answer.gallery
    assert not answer.offers_nearest


def test_a_library_of_sounds_is_searched_by_what_is_said(
    own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path
) -> None:
    sound = own_library.add_sound(write_sound(tmp_path / "a.wav", 1), [(0, 1, "many happy returns")], 1)
    answers = make_answers(own_library.folder)
    assert "Describe a picture" in str(answers.answer(Question()).gallery)
    for asked in ("kind:sound", 'said:"happy returns"', "has:speech"):
        answer = answers.answer(Question(asked))
        assert assets(answer) == {sound}
        assert "<img" not in str(answer.gallery)


def test_what_is_indexed_next_is_found(own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path) -> None:
    answers = make_answers(own_library.folder)
    answers.answer(Question("red"))
    for number in range(2):
        own_library.add_picture(write_picture(tmp_path / f"{number:0>{number + 1}}.png", "red"), "red")
        assert shown(answers.answer(Question("red"))) == number + 1


def test_indexing_has_only_begun(own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path) -> None:
    own_library.find(write_picture(tmp_path / "a.png", "red"))
    answers = make_answers(own_library.folder)
    assert "Indexing has begun." in str(answers.answer(Question("red")).gallery)


def test_more_is_offered_while_there_is_more(
    own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path
) -> None:
    for number in range(PAGE_SIZE + 1):
        own_library.add_picture(write_picture(tmp_path / f"{number:0>{number + 1}}.png", "red"), "red")
    answers = make_answers(own_library.folder)
    question = Question("red", series="7")
    first = answers.answer(question)
    rest = answers.answer(question.next_page(first))
    assert (shown(first), goes_on(first)) == (PAGE_SIZE, True)
    assert first.line.startswith(f"The first {PAGE_SIZE} results, best first")
    assert (shown(rest), goes_on(rest)) == (1, False)
    assert not assets(first) & assets(rest)
    assert all('data-series="7"' in str(answer.gallery) for answer in (first, rest))


def test_what_could_not_be_answered_is_asked_again(collection: Collection, make_answers: MakeAnswers) -> None:
    question = replace(Question("red"), offset=PAGE_SIZE, as_of="unknown")
    failed = make_answers(collection.library).answer(question)
    assert question.next_page(failed) == question


def test_nothing_fits_well_and_the_nearest(collection: Collection, make_answers: MakeAnswers) -> None:
    answers = make_answers(collection.library)
    none, nearest = answers.answer(Question("zebra")), answers.answer(Question("zebra", anyway=True))
    assert none.offers_nearest
    assert "Nothing of yours seems to show “zebra”." in str(none.gallery)
    assert not nearest.offers_nearest
    assert nearest.line == "Nothing fits. These 6 are the nearest."
    assert shown(nearest) == 6


def test_a_filter_that_nothing_meets_offers_no_nearest(collection: Collection, make_answers: MakeAnswers) -> None:
    answer = make_answers(collection.library).answer(Question("kind:video camera:nikon"))
    assert "No results." in str(answer.gallery)
    assert not answer.offers_nearest


def test_a_filter_alone_lists_and_claims_no_chances(collection: Collection, make_answers: MakeAnswers) -> None:
    answer = make_answers(collection.library).answer(Question("kind:video"))
    assert answer.line == "2 results, the newest first."
    assert shown(answer) == 2
    assert "vidi-chance" not in str(answer.gallery)


def test_a_query_that_cant_be_read_shows_where_and_leaves_the_gallery(
    collection: Collection, make_answers: MakeAnswers
) -> None:
    answer = make_answers(collection.library).answer(Question("red kind:<movie>"))
    assert answer.gallery is None
    assert "kind: can&#x27;t be &#x27;&lt;movie&gt;&#x27;; expected picture, video or sound" in answer.complaint
    assert "<pre>red kind:&lt;movie&gt;\n         ^^^^^^^</pre>" in answer.complaint


def test_a_bad_picture_is_told_by_its_name_alone(
    collection: Collection, make_answers: MakeAnswers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = make_answers(collection.library)

    def refuse(*_: object, image: Sequence[Path], **__: object) -> None:
        raise QueryError(f"the picture {image[0]} can't be searched with: the content is not a picture")

    monkeypatch.setattr(Library, "search", refuse)
    answer = answers.answer(Question(images=(tmp_path / "cat.jpg",)))
    assert "The picture cat.jpg can&#x27;t be searched with" in answer.complaint
    assert str(tmp_path) not in answer.complaint


def test_what_a_person_wrote_is_told_as_it_was_written(collection: Collection, make_answers: MakeAnswers) -> None:
    answers = make_answers(collection.library)
    assert " durration:>3s is read as words;" in answers.answer(Question("red durration:>3s", anyway=True)).line
    assert "<p>This quote is never closed" in answers.answer(Question('red "blue')).complaint


def test_how_it_was_read_is_told(collection: Collection, make_answers: MakeAnswers) -> None:
    assert make_answers(collection.library).answer(Question("red kind:picture")).read_as == "“red”; only kind:picture"


def test_more_like_an_asset_shows_the_nearest_besides_itself(
    own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path
) -> None:
    leaf = own_library.add_picture(write_picture(tmp_path / "leaf.png", "green"), "green")
    rose = own_library.add_picture(write_picture(tmp_path / "a rose.png", "red"), "red")
    answer = make_answers(own_library.folder).answer(Question(likes=Likes(more=(leaf,))))
    gallery = str(answer.gallery)
    assert assets(answer) == {leaf, rose}
    assert gallery.index(f'data-asset="{leaf}"') < gallery.index(f'data-asset="{rose}"')
    assert gallery.count("vidi-chance") == 2


@pytest.mark.parametrize(
    ("text", "pictures", "said"),
    [
        ("zebra", 0, "seems to show “zebra”."),
        ("zebra", 1, "seems to show “zebra” with that picture."),
        ("zebra", 2, "seems to show “zebra” with those pictures."),
        ("", 1, "seems to show that picture."),
    ],
)
def test_what_nothing_fits_is_named(collection: Collection, text: str, pictures: int, said: str) -> None:
    class EmptyHanded:
        def search(self, query: str, **_: Any) -> SearchResult:
            return SearchResult(query, "starter", fits=False, hits=())

    with Catalog(collection.library) as catalog:
        answers = Answers(EmptyHanded(), catalog)  # type: ignore[arg-type]
        answer = answers.answer(Question(text, images=(Path("a.png"),) * pictures))
    assert said in str(answer.gallery)


def test_moments_of_one_video(collection: Collection, make_answers: MakeAnswers) -> None:
    found = make_answers(collection.library).moments(collection.assets["three.webm"], "green")
    assert found is not None
    assert [(moment["label"], moment["start"], moment["end"]) for moment in found] == [("0:04–0:08", 4.0, 8.0)]


def test_moments_need_words(collection: Collection, make_answers: MakeAnswers) -> None:
    with pytest.raises(QueryError, match="no words were asked for"):
        make_answers(collection.library).moments(collection.assets["three.webm"], "kind:video")


def test_moments_of_what_is_not_there(collection: Collection, make_answers: MakeAnswers) -> None:
    assert make_answers(collection.library).moments(10**9, "green") is None


def test_searches_that_are_kept_are_a_click_away(
    own_library: ColourLibrary, make_answers: MakeAnswers, tmp_path: Path
) -> None:
    own_library.add_picture(write_picture(tmp_path / "a.png", "red"), "red")
    with open_library(own_library.folder) as library:
        library.save_search("<mine>", "red kind:picture")
        library.save_search("of films", "red", kind="video", like=[(3, 2.5)])
        library.save_search("for the terminal", "red", by="text")
    gallery = str(make_answers(own_library.folder).answer(Question()).gallery)
    assert 'data-address="?q=red+kind%3Apicture" title="red kind:picture">&lt;mine&gt;</button>' in gallery
    assert 'data-address="?q=red+kind%3Avideo&amp;like=3%402.5"' in gallery
    assert "for the terminal" not in gallery


def test_several_pictures_but_not_endlessly_many(collection: Collection, make_answers: MakeAnswers) -> None:
    answers, sea = make_answers(collection.library), collection.media / "sea.jpg"
    assert shown(answers.answer(Question("kind:picture", images=(sea,) * PICTURES_MOST))) == 1
    told = answers.answer(Question(images=(sea,) * (PICTURES_MOST + 1)))
    assert told.gallery is None
    assert "Expected at most 4 pictures, got 5; take some out." in told.complaint


def test_filters_are_counted(collection: Collection, make_answers: MakeAnswers) -> None:
    filters = make_answers(collection.library).facets(Question("red"))
    assert 'data-token="kind:video" data-becomes="red kind:video"' in filters


def test_filters_of_a_query_that_cant_be_read(collection: Collection, make_answers: MakeAnswers) -> None:
    assert make_answers(collection.library).facets(Question('"')) == ""


def test_no_word_of_another_script_is_answered_without_a_warning(
    collection: Collection, make_answers: MakeAnswers
) -> None:
    answer = make_answers(collection.library).answer(Question("рыжая лошадь"))
    assert "understands only English." in str(answer.gallery)


class BrokenLibrary:
    """A library with a bug."""

    def search(self, *_: Any, **__: Any) -> SearchResult:
        raise ZeroDivisionError("a secret of the code")


def test_a_bug_is_no_stack_trace(collection: Collection, caplog: pytest.LogCaptureFixture) -> None:
    with Catalog(collection.library) as catalog, caplog.at_level(logging.ERROR):
        answer = Answers(BrokenLibrary(), catalog).answer(Question("red"))
    assert answer.gallery is not None
    assert "That went wrong." in answer.gallery
    assert "secret" not in answer.gallery
    assert "ZeroDivisionError: a secret of the code" in caplog.text
