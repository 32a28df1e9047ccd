"""The whole server for others, as a process of its own: who gets in, and what its three kinds of clients find."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
import httpx2
import pytest
from gradio_client import Client as GradioClient
from mcp import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

from retrieval import Client
from retrieval.errors import RemoteError
from tests.ui.page.conftest import Collection, running
from ui.trust.passwords import set_password
from ui.trust.tokens import token_of


@dataclass(frozen=True)
class Served:
    url: str
    token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
def served(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    secrets = tmp_path_factory.mktemp("secrets")
    set_password(secrets / "passwords", "anna", "correct horse")
    token = token_of(secrets / "token")
    command = ["-m", "tests.ui.api.serve_trusted", str(collection.library), *map(str, secrets.iterdir())]
    command[-2:] = [str(secrets / "passwords"), str(secrets / "token")]
    with running(command) as (_, address):
        yield Served(address.rstrip("/"), token)


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.url, token=served.token) as client:
        yield client


# ----------------------------------------------------------------------------------------------------- who gets in


@pytest.mark.parametrize(
    "path",
    ["/media/1", "/thumbnail/1", "/config", "/gradio_api/info", "/api/v1/status", "/api/v1/openapi.json", "/mcp"],
)
def test_without_signing_in_there_is_nothing(served: Served, path: str) -> None:
    assert httpx.get(served.url + path).status_code == 401


def test_a_person_signs_in_and_the_page_can_change_something(served: Served, collection: Collection) -> None:
    with httpx.Client(base_url=served.url, follow_redirects=True) as browser:
        assert "Sign in" in browser.get("/").text
        page = browser.post("/login", data={"user": "anna", "password": "correct horse"})
        token = re.search(r"vidi-token\D+content=\D{2}([\w-]{43})", page.text)
        assert token is not None
        assert "vidi-sign-out" in page.text
        route = f"/api/v1/assets/{collection.assets['leaf.tif']}/tags"
        assert browser.patch(route, json={"add": []}).status_code == 403
        assert browser.patch(route, json={"add": []}, headers={"X-Vidi-Token": token[1]}).json() == []
        browser.post("/logout")
        assert browser.get("/api/v1/status").status_code == 401


@pytest.mark.parametrize("path", ["/", "/api/v1/search?q=red", "/mcp", "/media/1", "/gradio_api/info", "/login"])
def test_a_name_that_somebody_pointed_here_is_refused(served: Served, path: str) -> None:
    """DNS rebinding: the browser believes that it asks evil.example, and would let its page read the answer."""
    port = urlsplit(served.url).port
    for host in (f"evil.example:{port}", "evil.example", f"127.0.0.1.evil.example:{port}"):
        response = httpx.get(served.url + path, headers=served.bearer | {"Host": host})
        assert response.status_code == 403


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/search", "/mcp", "/login", "/gradio_api/queue/join"])
def test_a_page_of_another_site_is_refused_whatever_it_bears(served: Served, path: str) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        response = httpx.post(served.url + path, headers=served.bearer | headers, json={})
        assert response.status_code == 403


def test_a_request_without_a_host_or_of_an_endless_body_is_refused(served: Served) -> None:
    address = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("GET", "/api/v1/status", skip_host=True)
    connection.endheaders()
    assert connection.getresponse().status in (400, 403)
    connection.close()
    endless = httpx.post(f"{served.url}/api/v1/search", headers=served.bearer, content=iter([b"x"] * 3))
    assert endless.status_code == 411


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file={media}/rose.png",
        "/gradio_api/file={library}/catalog.sqlite",
        "/gradio_api/file=..%2f..%2f..%2fetc%2fpasswd",
        "/gradio_api/file=%2fetc%2fpasswd%00.png",
        "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/assets/..%2f..%2fetc%2fpasswd/file",
        "/api/v1/assets/1%00/file",
        "/media/..%2fetc%2fpasswd",
    ],
)
def test_no_path_leads_to_a_file(served: Served, collection: Collection, path: str) -> None:
    path = path.format(media=collection.media, library=collection.library)
    response = httpx.get(served.url + path, headers=served.bearer)
    assert response.status_code in (400, 403, 404, 422)
    assert "root:" not in response.text
    assert "Traceback" not in response.text


# -------------------------------------------------------------------------------------------------- our own client


def test_the_client_searches_and_reads(client: Client, collection: Collection, tmp_path: Path) -> None:
    answer = client.search("blue", kind="video")
    assert (answer.fits, answer.hits[0].start_seconds) == (True, 8.0)
    number = collection.assets["three.webm"]
    assert number in [hit.asset_id for hit in answer.hits]
    assert [hit.asset_id for hit in client.search(images=[collection.media / "sea.jpg"], kind="picture").hits] == [
        collection.assets["sea.jpg"]
    ]
    asset = client.asset(number)
    assert (asset.kind, asset.files[0].present) == ("video", True)
    segments = client.segments(number)
    assert client.segment(segments[0].id) == segments[0]
    client.file(number, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == (collection.media / "three.webm").read_bytes()
    client.preview(number, tmp_path / "preview", start_seconds=1, seconds=1)
    assert (tmp_path / "preview").read_bytes()[4:8] == b"ftyp"
    assert client.thumbnail(number, at_seconds=5, size=480)[:3] == b"\xff\xd8\xff"
    assert client.status().assets["video"] == 2
    assert "starter" in [card.name for card in client.models()]
    assert client.tags(number) == client.tag(number)
    facets = client.facets("kind:video")
    assert (facets.contents, facets.facets[0].values[0].token) == (2, "kind:video")
    client.use("starter")


def test_the_client_keeps_answers_and_forgets_a_search(client: Client, collection: Collection) -> None:
    rose = collection.assets["rose.png"]
    kept = client.save_search("a/b & c", "red", kind="picture", unlike=[rose], tags=[])
    assert (kept.query, kept.kind, kept.unlike, kept.tags) == ("red", "picture", [str(rose)], [])
    assert client.saved_searches() == [kept]
    assert rose not in [hit.asset_id for hit in client.search(saved="a/b & c", anyway=True).hits]
    client.forget_search("a/b & c")
    with pytest.raises(RemoteError, match="no search is saved as 'a/b & c'") as refused:
        client.forget_search("a/b & c")
    assert refused.value.status == 404


def test_what_is_kept_needs_the_token_or_the_page(served: Served) -> None:
    with httpx.Client(base_url=served.url, follow_redirects=True) as browser:
        browser.post("/login", data={"user": "anna", "password": "correct horse"})
        assert browser.post("/api/v1/saved", json={"name": "a", "q": "red"}).status_code == 403
        assert browser.delete("/api/v1/saved?name=a").status_code == 403


def test_the_client_starts_follows_and_stops_a_job(client: Client, collection: Collection) -> None:
    with pytest.raises(RemoteError, match="/etc may not be indexed from here") as refused:
        client.index(["/etc"])
    assert refused.value.status == 403
    with pytest.raises(RemoteError, match=r"there is no .*not there; expected a folder or file"):
        client.index([collection.media / "not there"])
    (collection.media / "empty").mkdir()
    job = client.index([collection.media / "empty"])
    events = list(client.follow(job.id))
    assert events[-1].event == "done"
    assert events[-1].data["state"] == "finished"
    assert client.job(job.id).report == events[-1].data["report"]
    assert client.stop(job.id).state == "finished"
    assert [each.id for each in client.jobs()] == [job.id]


def test_a_client_with_the_wrong_token(served: Served) -> None:
    with (
        Client(served.url, token="x" * 43) as client,
        pytest.raises(RemoteError, match="sign in on the page") as refused,
    ):
        client.status()
    assert refused.value.status == 401


# ---------------------------------------------------------------------------------------------- Gradio's client, MCP


def test_gradios_client_works_with_the_token(served: Served) -> None:
    client = GradioClient(served.url, verbose=False, analytics_enabled=False, headers=served.bearer)
    line, _, gallery = client.predict({"text": "red", "files": []}, api_name="/search")
    client.close()
    assert "results" in line
    assert "rose.png" in gallery


def test_an_assistant_searches_and_can_do_no_more(served: Served, collection: Collection) -> None:
    number = collection.assets["three.webm"]
    calls: list[tuple[str, dict[str, object]]] = [
        ("search_media", {"query": "blue", "kind": "video"}),
        ("search_media", {"query": "blue", "kind": "sound"}),
        ("describe_asset", {"asset_id": number}),
        ("find_moments", {"query": "green", "asset_id": number}),
        ("find_moments", {"query": "(green"}),
        ("describe_asset", {"asset_id": 999}),
        ("describe_asset", {"asset_id": 2**63}),
        ("find_moments", {"query": "green", "asset_id": 2**63}),
    ]
    wrong = ("search_media", {"query": "blue", "kind": "music"})

    async def assist() -> tuple[dict[str, bool], list[tuple[bool, str]]]:
        http = httpx2.AsyncClient(headers=served.bearer, timeout=60)
        async with http, McpClient(streamable_http_client(f"{served.url}/mcp", http_client=http)) as client:
            tools = (await client.list_tools()).tools
            reading = {tool.name: bool(tool.annotations and tool.annotations.read_only_hint) for tool in tools}
            results = [await client.call_tool(name, arguments) for name, arguments in [*calls, wrong]]
            return reading, [(bool(each.is_error), "".join(part.text for part in each.content)) for each in results]

    reading, (searched, heard, described, moments, bracket, absent, *too_great, of_no_kind) = anyio.run(assist)
    assert reading == {"search_media": True, "describe_asset": True, "find_moments": True}
    assert json.loads(searched[1])["hits"][0]["start_seconds"] == 8.0
    assert json.loads(heard[1])["hits"] == []
    assert json.loads(described[1])["kind"] == "video"
    assert '"start_seconds": 4.0' in moments[1]
    assert [each[0] for each in (searched, described, moments, bracket, absent)] == [False, False, False, True, True]
    assert "this bracket is never closed" in bracket[1]
    assert "there is no asset 999" in absent[1]
    assert [(is_error, f"less than or equal to {2**63 - 1}" in said) for is_error, said in too_great] == [
        (True, True)
    ] * 2
    assert of_no_kind[0]
    assert of_no_kind[1].startswith("kind: Input should be 'picture'")
    assert "pydantic" not in of_no_kind[1]
