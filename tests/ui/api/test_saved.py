"""Searches that are kept, over HTTP: kept, listed, answered, removed."""

from __future__ import annotations

from typing import Any

import pytest

from retrieval.client.answers import SavedSearch
from tests.ui.api.conftest import Ask, detail_of
from tests.ui.api.test_search import names_of
from tests.ui.page.conftest import Collection
from ui.api.services import Services


def names(ask: Ask) -> list[str]:
    return [each["name"] for each in ask("/saved").json()]


def test_a_search_is_kept_listed_answered_and_removed(ask_own: Ask, own_collection: Collection) -> None:
    rose = own_collection.assets["rose.png"]
    kept: dict[str, Any] = {"name": " red  things/1 ", "q": "red", "kind": "picture", "unlike": [f"{rose}"]}
    response = ask_own("/saved", "POST", json=kept)
    assert response.status_code == 201
    told = response.json()
    assert (told["name"], told["query"], told["kind"], told["unlike"]) == (
        "red things/1",
        "red",
        "picture",
        [str(rose)],
    )
    assert ask_own("/saved").json() == [told]
    assert set(told) <= names_of(SavedSearch)
    hits = ask_own("/search", params={"saved": "red things/1", "anyway": "true"}).json()["hits"]
    assert hits
    assert rose not in [hit["asset_id"] for hit in hits]
    assert ask_own("/saved", "DELETE", params={"name": "red things/1"}).status_code == 204
    assert names(ask_own) == []


def test_what_is_given_besides_is_added_or_takes_a_place(ask_own: Ask, own_collection: Collection) -> None:
    ask_own("/saved", "POST", json={"name": "a", "q": "red", "kind": "video"})
    assert ask_own("/search", params={"saved": "a"}).json()["hits"] == []
    found = ask_own("/search", params={"saved": "a", "q": "name:rose.png", "kind": "picture"}).json()
    assert found["query"] == "red name:rose.png"
    assert [hit["asset_id"] for hit in found["hits"]] == [own_collection.assets["rose.png"]]


def test_moments_are_kept_and_another_takes_the_place_of_a_name(ask_own: Ask) -> None:
    ask_own("/saved", "POST", json={"name": "a", "q": "red"})
    ask_own("/saved", "POST", json={"name": "a", "like": ["3@2.5", "4"], "unfolded": True})
    (told,) = ask_own("/saved").json()
    assert (told["query"], told["like"], told["unfolded"]) == ("", ["3@2.5", "4"], True)


def test_what_the_terminal_kept_is_told_and_answered(
    ask_own: Ask, own_services: Services, own_collection: Collection
) -> None:
    picture = own_collection.media / "sea.jpg"
    own_services.library.save_search("sea", image=str(picture), like=[str(picture)], tags=())
    (told,) = ask_own("/saved").json()
    assert (told["image"], told["like"]) == ([str(picture)], [str(picture)])
    hits = ask_own("/search", params={"saved": "sea"}).json()["hits"]
    assert hits[0]["asset_id"] == own_collection.assets["sea.jpg"]


@pytest.mark.parametrize(
    ("kept", "status", "said"),
    [
        ({"name": "a", "q": "(red"}, 400, "this bracket is never closed"),
        ({"name": "a", "after": "soon"}, 400, "after 'soon' is no time"),
        ({"name": "  "}, 400, "the name of a search is empty"),
        ({"name": ""}, 422, "name: String should have at least 1 character"),
        ({"q": "red"}, 422, "name: Field required"),
        ({"name": "a", "like": ["/etc/passwd"]}, 422, "like.0: String should match pattern"),
        ({"name": "a", "kind": "hats"}, 422, "kind: Input should be 'picture', 'video' or 'sound'"),
    ],
)
def test_refusals(ask_own: Ask, kept: dict[str, Any], status: int, said: str) -> None:
    assert said in detail_of(ask_own("/saved", "POST", json=kept), status)
    assert names(ask_own) == []


def test_a_name_that_nothing_is_kept_under(ask: Ask) -> None:
    assert detail_of(ask("/saved", "DELETE", params={"name": "hats"}), 404) == (
        "no search is saved as 'hats'; none is saved yet"
    )
    assert "no search is saved as 'hats'" in detail_of(ask("/search", params={"saved": "hats"}), 400)
