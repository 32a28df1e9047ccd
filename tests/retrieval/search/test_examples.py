"""More like this, less like this: Rocchio's formula by hand, step by step."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.search.leaning import LIKE, UNLIKE, meaning_of
from retrieval.search.query import By, Example, Query
from retrieval.search.searcher import Searcher
from retrieval.store.descriptions import fill_text_index, write_descriptions
from retrieval.types import Words

MakeSearcher = Callable[..., Searcher]


def names(result: Any) -> list[str]:
    return [hit.path.stem for hit in result.hits]


@pytest.fixture
def filled(library: Any) -> Any:
    space = library.space()
    looks = {"sand": [0.8, 0.6, 0], "sand2": [0.7, 0.7, 0.1], "snow": [0.8, 0, 0.6], "none": [0, 0, 1]}
    library.ids = {}
    for name, look in looks.items():
        library.ids[name] = library.asset(f"/media/{name}.jpg")
        library.embed(library.ids[name], space, [[*look, 0]])
    library.ids["clip"] = library.asset("/media/clip.mp4", kind="video")
    library.embed(library.ids["clip"], space, [[0.6, 0, 0, 0.8], [0, 1, 0, 0]], [(0, 4), (4, 8)])
    return library


def test_the_vector_is_rocchio_s(space: Any) -> None:
    looks: dict[Any, Any] = {1: np.array([0, 1, 0, 0], np.float32), 2: np.array([0, 0, 2, 0], np.float32)}
    query = Query("1 0 0 0", like=(Example(1),), unlike=(Example(2),))
    meaning = meaning_of(
        query, space, lambda *_: pytest.fail("no picture"), lambda marked, _: [looks[each.of] for each in marked]
    )
    asked = np.array([1, LIKE, 0, 0]) / np.hypot(1, LIKE)
    assert meaning.asked is not None
    np.testing.assert_allclose(meaning.asked, asked, rtol=1e-6)
    ranked_by = asked - np.array([0, 0, UNLIKE, 0])
    np.testing.assert_allclose(meaning.ranked_by, ranked_by / np.linalg.norm(ranked_by), rtol=1e-6)
    assert "1 unlike" in repr(meaning)


def test_several_steps_lead_to_what_is_meant(filled: Any, make_searcher: MakeSearcher) -> None:
    searcher = make_searcher()

    def found(like: tuple[Example, ...] = (), unlike: tuple[Example, ...] = ()) -> list[str]:
        return names(searcher.search(Query("1 0 0 0", like=like, unlike=unlike, anyway=True)))

    snow, sand = Example(filled.ids["snow"]), Example(Path("/media/sand.jpg"))
    assert found()[:2] == ["sand", "snow"]
    assert found(like=(snow,))[0] == "snow"
    assert found(like=(snow,), unlike=(sand,))[:2] == ["snow", "sand2"]
    without = found(unlike=(sand,))
    assert "sand" not in without
    assert without.index("snow") < without.index("sand2")


def test_a_moment_of_a_video_is_its_own(filled: Any, make_searcher: MakeSearcher) -> None:
    clip = filled.ids["clip"]
    searcher = make_searcher()
    assert names(searcher.search(Query(like=(Example(clip, 5.0),), anyway=True)))[:3] == ["clip", "sand2", "sand"]
    assert names(searcher.search(Query(like=(Example(clip, 1.0),), anyway=True)))[:3] == ["clip", "sand", "snow"]
    # Without a second, the moment counts that fits the words best.
    best = searcher.search(Query("0 1 0 0", like=(Example(clip),), anyway=True))
    assert names(best)[:3] == ["clip", "sand2", "sand"]


def test_alone_less_like_this_shows_what_is_furthest(filled: Any, make_searcher: MakeSearcher) -> None:
    result = make_searcher().search(Query(unlike=(Example(filled.ids["none"]),)))
    assert result.fits
    assert "none" not in names(result)


@pytest.mark.parametrize("by", list(By))
@pytest.mark.parametrize("anyway", [False, True])
def test_what_is_marked_as_unlike_is_not_shown_for_its_words_either(
    filled: Any, make_searcher: MakeSearcher, by: By, anyway: bool
) -> None:
    fill_text_index(filled.catalog)
    dog, cat = filled.ids["none"], filled.ids["snow"]
    with filled.catalog.engine.begin() as connection:
        write_descriptions(connection, {dog: Words(caption="a dog at night"), cat: Words(caption="a cat at night")})
    search = make_searcher().search
    for text in ("a dog at night", "a dog on a beach at night"):
        shown = search(Query(text, by=by, unlike=(Example(dog),), anyway=anyway))
        assert "none" not in names(shown)
        if by is By.TEXT:
            assert not shown.fits  # nothing else holds all of the words
            assert names(shown) == (["snow"] if anyway else [])


def test_a_picture_from_elsewhere_is_an_example(filled: Any, make_searcher: MakeSearcher, tmp_path: Path) -> None:
    (tmp_path / "0,1,0,0.jpg").touch()
    result = make_searcher().search(Query(like=(Example(tmp_path / "0,1,0,0.jpg"),)))
    assert names(result)[0] == "clip"


@pytest.mark.parametrize(
    ("marked", "message"),
    [(99, "nothing in the library has the id 99; give that of a hit"), ("/nowhere.jpg", "there is no /nowhere.jpg in")],
)
def test_an_example_that_is_nowhere_is_told(filled: Any, space: Any, marked: Any, message: str) -> None:
    with (
        Library(filled.folder, spaces=lambda _: space) as library,
        pytest.raises(QueryError, match=message),
    ):
        library.search("1 0 0 0", like=[marked])


def test_the_library_takes_paths_ids_and_moments(filled: Any, space: Any) -> None:
    with Library(filled.folder, spaces=lambda _: space) as library:
        assert names(library.search(like=["/media/none.jpg"]))[0] == "none"
        assert names(library.search(like=[(filled.ids["clip"], 5)]))[0] == "clip"
        assert "clip" not in names(library.search("1 0 0 0", unlike=[("/media/clip.mp4", 5.0)], anyway=True))
