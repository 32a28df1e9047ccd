"""What the page's script asks of one item."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import anyio
import httpx
import pytest
from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retrieval.errors import QueryError
from retrieval.library import Library
from retrieval.store.catalog import Catalog
from tests.ui.page.colours import ColourSpace, embed_pictures
from tests.ui.page.conftest import Collection
from ui.page.answers import Answers
from ui.page.item_routes import ItemRoutes
from ui.page.items import Items

open_library = partial(Library, spaces=lambda name: ColourSpace(), embed_pictures=embed_pictures)


class DrawnHeat:
    """In place of the models: tells what it was asked."""

    def draw(self, asset_id: int, query: str, at_seconds: float | None) -> bytes | None:
        if query == "fail":
            raise QueryError("no words were asked for\nhere")
        if query == "bug":
            raise ZeroDivisionError("a secret of the code")
        return f"{asset_id} {query} {at_seconds}".encode() if 0 < asset_id <= 100 else None


@pytest.fixture(scope="module")
def client(collection: Collection) -> Iterator[TestClient]:
    with Catalog(collection.library) as catalog, open_library(collection.library) as library:
        answers, heat = Answers(library, catalog), DrawnHeat()
        routes = ItemRoutes(Items(catalog), answers, heat, CapacityLimiter(1))  # type: ignore[arg-type]
        yield TestClient(Starlette(routes=routes.routes()))


def test_an_item(client: TestClient, collection: Collection) -> None:
    told = client.get(f"/page/items/{collection.assets['three.webm']}").json()
    assert (told["kind"], told["name"], told["duration_seconds"]) == ("video", "three.webm", 12.0)


@pytest.mark.parametrize("number", [10**9, 2**63 - 1, 2**63, "9" * 5000, "x", "²"])
@pytest.mark.parametrize("below", ["", "/moments?q=red", "/why?q=red"])
def test_there_is_no_such_item(client: TestClient, number: int | str, below: str) -> None:
    answer = client.get(f"/page/items/{number}{below}")
    assert (answer.status_code, answer.text.partition(";")[0]) == (
        404,
        "this file is not where it was when it was indexed",
    )


def test_moments(client: TestClient, collection: Collection) -> None:
    (moment,) = client.get(f"/page/items/{collection.assets['three.webm']}/moments", params={"q": "blue"}).json()
    assert (moment["label"], moment["start"]) == ("0:08–0:12", 8.0)


def test_looking_for_moments_waits_for_searches_and_a_picture_for_a_picture(collection: Collection) -> None:
    searches = CapacityLimiter(1)
    item = f"/page/items/{collection.assets['three.webm']}"

    async def ask_while_others_search(app: Starlette) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            await searches.acquire_on_behalf_of("somebody else")
            with anyio.move_on_after(0.2) as waited:
                await client.get(f"{item}/moments?q=blue")
            assert waited.cancelled_caught
            with anyio.fail_after(30):
                assert (await client.get(f"{item}/why?q=blue")).status_code == 200
            searches.release_on_behalf_of("somebody else")
            return (await client.get(f"{item}/moments?q=blue")).status_code

    with Catalog(collection.library) as catalog, open_library(collection.library) as library:
        routes = ItemRoutes(Items(catalog), Answers(library, catalog), DrawnHeat(), searches)  # type: ignore[arg-type]
        assert anyio.run(ask_while_others_search, Starlette(routes=routes.routes())) == 200


def test_moments_of_a_query_that_cant_be_read(client: TestClient, collection: Collection) -> None:
    answer = client.get(f"/page/items/{collection.assets['three.webm']}/moments", params={"q": '"blue'})
    assert (answer.status_code, answer.text) == (422, 'this quote is never closed; expected " after it')


def test_why(client: TestClient) -> None:
    answer = client.get("/page/items/7/why", params={"q": "a dog", "at": "2.5"})
    assert (answer.content, answer.headers["content-type"]) == (b"7 a dog 2.5", "image/jpeg")


@pytest.mark.parametrize("at", ["x", "-1", "nan", "inf", "1e308"])
def test_no_such_time(client: TestClient, at: str) -> None:
    assert client.get("/page/items/7/why", params={"q": "a dog", "at": at}).status_code == 400


def test_a_refusal_is_one_plain_line(client: TestClient) -> None:
    answer = client.get("/page/items/7/why?q=fail")
    assert (answer.status_code, answer.text) == (422, "no words were asked for")


def test_a_bug_is_no_stack_trace(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/page/items/7/why?q=bug")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert "ZeroDivisionError: a secret of the code" in caplog.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_is_written_here(client: TestClient, method: str) -> None:
    assert client.request(method, "/page/items/1").status_code == 405
