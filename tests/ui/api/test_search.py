"""Searching over HTTP: the object of the command line, and its refusals."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, fields
from typing import Any

import anyio
import httpx
import pytest
from pydantic import TypeAdapter

from retrieval.client.answers import Facets, Hit, Moment, SearchAnswer
from tests.ui.api.conftest import Ask, detail_of
from tests.ui.page.conftest import Collection
from ui.api import search
from ui.api.app import build_api
from ui.api.services import Services


@pytest.mark.parametrize("query", ["red", "blue kind:video", "a zebra", "kind:picture"])
def test_it_is_the_object_of_the_command_line_with_numbers(ask: Ask, services: Services, query: str) -> None:
    told = ask("/search", params={"q": query}).json()
    numbers = [hit.pop("asset_id") for hit in told["hits"]]
    result = services.library.search(query)
    assert told == result.to_json()
    assert numbers == [hit.asset_id for hit in result.hits]


def test_who_counts_and_who_searches_keep_each_other_from_nothing(services: Services) -> None:
    async def ask_while_others_are_busy() -> list[int]:
        transport = httpx.ASGITransport(build_api(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await services.counting.acquire_on_behalf_of("somebody else")
            with anyio.fail_after(60):
                found = await client.get("/search?q=red")
            services.counting.release_on_behalf_of("somebody else")
            for number in range(int(services.searches.total_tokens)):
                await services.searches.acquire_on_behalf_of(number)
            with anyio.fail_after(60):
                counted = await client.get("/facets?q=red")
            with anyio.move_on_after(0.2) as waited:
                await client.get("/search?q=red")
        assert waited.cancelled_caught
        return [found.status_code, counted.status_code]

    assert anyio.run(ask_while_others_are_busy) == [200, 200]


def test_the_numbers_are_those_of_the_assets(ask: Ask, collection: Collection) -> None:
    hits = ask("/search", params={"q": "blue", "kind": "picture"}).json()["hits"]
    assert [hit["asset_id"] for hit in hits] == [collection.assets["sea.jpg"]]


def test_all_that_is_told_is_described(ask: Ask) -> None:
    told = ask("/search", params={"q": "red"}).json()
    assert set(told) <= names_of(SearchAnswer)
    assert all(set(hit) <= names_of(Hit) for hit in told["hits"])
    assert all(set(moment) <= names_of(Moment) for hit in told["hits"] for moment in hit["moments"])
    assert TypeAdapter(SearchAnswer).validate_python(told).hits[0].asset_id == told["hits"][0]["asset_id"]


def names_of(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}


def test_every_option(ask: Ask, collection: Collection) -> None:
    def paths(**asked: object) -> list[str]:
        return [hit["path"].rpartition("/")[2] for hit in ask("/search", params=asked).json()["hits"]]

    everything = paths(q="red", anyway="true")
    assert len(everything) == 6
    assert paths(q="red", anyway="true", top=2, offset=1) == everything[1:3]
    assert paths(q="red", kind="video") == ["three.avi", "three.webm"]
    assert paths(q="red", under=str(collection.media / "rose.png")) == ["rose.png"]
    assert paths(q="red", after="2999") == []
    assert paths(q="red", space="starter", by="frames") == paths(q="red")


def test_more_and_less_like_this(ask: Ask, collection: Collection) -> None:
    def found(**asked: object) -> list[int]:
        return [hit["asset_id"] for hit in ask("/search", params=asked).json()["hits"]]

    video, leaf = collection.assets["three.webm"], collection.assets["leaf.tif"]
    assert leaf in found(like=f"{video}@5.5", kind="picture")
    assert leaf not in found(q="green", unlike=str(leaf), anyway="true")
    for wrong in ("/etc/passwd", "1@", "1@x", "-1", "1@1@1"):
        assert "like.0: String should match pattern" in detail_of(ask("/search", params={"like": wrong}), 422)


def test_pages_of_one_state(ask: Ask) -> None:
    first = ask("/search", params={"q": "red", "top": 1}).json()
    again = ask("/search", params={"q": "red", "top": 1, "as_of": first["as_of"]}).json()
    assert again == first
    detail_of(ask("/search", params={"q": "red", "as_of": "yesterday"}), 400)


def test_what_a_query_lets_through_is_counted(ask: Ask, services: Services, collection: Collection) -> None:
    told = ask("/facets", params={"q": "red kind:picture", "most": 1}).json()
    assert (told["contents"], told["facets"][0]["name"]) == (4, "kind")
    assert told["facets"][0]["values"] == [{"label": "picture", "count": 4, "token": "kind:picture"}]
    assert set(told) == names_of(Facets)
    assert ask("/facets").json() == asdict_json(services.library.facets())
    narrowed = ask("/facets", params={"kind": "video", "under": str(collection.media)}).json()
    assert narrowed["contents"] == 2
    detail_of(ask("/facets", params={"q": "(red"}), 400)
    assert "most: Input should be greater" in detail_of(ask("/facets", params={"most": 0}), 422)


def asdict_json(value: Any) -> Any:
    return json.loads(json.dumps(asdict(value)))


def test_a_picture_is_sent(ask: Ask, collection: Collection) -> None:
    with (collection.media / "sea.jpg").open("rb") as picture:
        hits = ask("/search?kind=picture", "POST", files={"image": picture}).json()["hits"]
    assert [hit["asset_id"] for hit in hits] == [collection.assets["sea.jpg"]]


def test_several_pictures_and_words(ask: Ask, collection: Collection) -> None:
    content = (collection.media / "sea.jpg").read_bytes()
    response = ask("/search?q=blue", "POST", files=[("image", content), ("image", content)])
    assert response.json()["fits"]
    many = ask("/search", "POST", files=[("image", content)] * 5)
    assert "image: List should have at most 4 items" in detail_of(many, 422)


def test_what_is_no_picture_is_named_by_its_place_and_not_by_a_path(ask: Ask) -> None:
    said = detail_of(ask("/search", "POST", files={"image": b"nonsense"}), 400)
    assert said == "the picture picture-0 can't be searched with: the content is not a picture"


def test_a_picture_that_is_too_large(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_PICTURE_BYTES_MOST", 10)
    response = ask("/search", "POST", files={"image": b"x" * 11})
    assert detail_of(response, 413) == "expected a picture of at most 64 MiB, got 11 bytes"


def test_a_post_without_a_picture(ask: Ask) -> None:
    assert detail_of(ask("/search?q=red", "POST"), 422) == "image: Field required"


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"q": "(red"}, 400, "this bracket is never closed; expected \\) after it"),
        ({"q": "red", "after": "soon"}, 400, "after 'soon' is no time; expected 2024"),
        ({"q": "red", "tag": "hats"}, 400, "nothing has the tag 'hats'"),
        ({}, 400, "the query is empty"),
        ({"q": "red", "top": 0}, 422, "top: Input should be greater than or equal to 1"),
        ({"q": "red", "top": 1001}, 422, "top: Input should be less than or equal to 1000"),
        ({"q": "red", "offset": -1}, 422, "offset: Input should be greater"),
        ({"q": "red", "kind": "hats"}, 422, "kind: Input should be 'picture', 'video' or 'sound'"),
        ({"q": "red", "by": "hats"}, 422, "by: Input should be 'fused', 'space'"),
        ({"q": "(" * 3000}, 400, "the query|this bracket|brackets"),
    ],
)
def test_refusals(ask: Ask, asked: dict[str, str], status: int, said: str) -> None:
    assert re.match(said, detail_of(ask("/search", params=asked), status))


def test_a_space_is_one_that_is_indexed_and_no_file_of_weights(services: Services, ask: Ask) -> None:
    for name in ("open_clip/ViT-B-32//etc/passwd", "hats", ""):
        said = detail_of(ask("/search", params={"q": "red", "space": name}), 400)
        assert said == f"nothing is indexed in a space {name!r}; expected one of: starter"


def test_what_goes_wrong_is_told_to_nobody_but_the_terminal(
    services: Services, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(type(services.library), "search", fail)
    said = detail_of(ask("/search?q=red"), 500)
    assert said == "something went wrong; the terminal in which vidi runs says more"


def test_unknown_routes_and_methods_are_problems_too(ask: Ask) -> None:
    assert detail_of(ask("/hats"), 404) == "Not Found"
    assert detail_of(ask("/search", "DELETE"), 405) == "Method Not Allowed"


def test_the_openapi_names_every_route_and_asks_nobody_for_scripts(services: Services, ask: Ask) -> None:
    told = ask("/openapi.json").json()
    assert told["info"]["title"] == "vidi"
    assert {"/search", "/facets", "/saved", "/assets/{asset_id}", "/jobs/{job_id}/events", "/status", "/models"} <= set(
        told["paths"]
    )
    described = {operation["operationId"] for path in told["paths"].values() for operation in path.values()}
    assert len(described) == sum(len(path) for path in told["paths"].values())
    assert all("default" in operation["responses"] for path in told["paths"].values() for operation in path.values())
    assert [ask(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
    assert build_api(services).docs_url is None
