"""The client: what it asks, and how it tells what went wrong. Against a real server it is tested with that."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from retrieval import Client
from retrieval.errors import RemoteError, VidiError

Respond = Callable[[httpx.Request], httpx.Response]
ANSWER = {"query": "red", "space": "starter", "fits": False, "hits": [], "of_a_later_version": 1}
HIT = {
    "asset_id": 7, "path": "/a.webm", "kind": "video", "score": 0.9, "fits": True, "start_seconds": 1.0,
    "end_seconds": 2.0, "moments": [{"start_seconds": 1.0, "end_seconds": 2.0, "score": 0.9}],
}  # fmt: skip


def client(respond: Respond, token: str | None = None) -> Client:
    return Client("http://vidi.example:7860/", token=token, transport=httpx.MockTransport(respond))


def test_a_search_becomes_a_request_and_its_answer_values() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/api/v1/search")
        assert dict(request.url.params) == {"q": "red", "kind": "video", "top": "3", "offset": "0", "anyway": "true"}
        assert "authorization" not in request.headers
        return httpx.Response(200, json=ANSWER | {"fits": True, "hits": [HIT]})

    answer = client(respond).search("red", kind="video", top=3, anyway=True)
    assert answer.fits
    assert (answer.hits[0].asset_id, answer.hits[0].moments[0].end_seconds) == (7, 2.0)


def test_pictures_are_read_here_and_sent(tmp_path: Path) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        assert request.url.params.get_list("tag") == ["a", "b"]
        assert b"pixels" in request.read()
        return httpx.Response(200, json=ANSWER)

    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"pixels")
    client(respond).search(images=[picture], tags=["a", "b"])
    with pytest.raises(FileNotFoundError, match="not there"):
        client(respond).search(images=[tmp_path / "not there"])


def test_the_token_goes_with_every_request() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        assert json.loads(request.read()) == {"add": ["dog"], "remove": []}
        return httpx.Response(200, json=[{"label": "dog", "score": 1.0, "source": "people"}])

    assert client(respond, "secret").tag(3, add=["dog"])[0].label == "dog"


def test_what_is_written_to_a_file(tmp_path: Path) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/v1/assets/3/preview"
        assert dict(request.url.params) == {"start": "1.5", "seconds": "10"}
        return httpx.Response(200, content=b"clip")

    client(respond).preview(3, tmp_path / "a.mp4", start_seconds=1.5, seconds=10)
    assert (tmp_path / "a.mp4").read_bytes() == b"clip"


def test_a_refused_file_is_not_written(tmp_path: Path) -> None:
    refuse = client(lambda request: httpx.Response(404, json={"detail": "there is no asset 3"}))
    with pytest.raises(RemoteError, match="there is no asset 3"):
        refuse.file(3, tmp_path / "a.jpg")
    assert not (tmp_path / "a.jpg").exists()


def test_events() -> None:
    text = ': hello\n\nid: 1\nevent: notice\ndata: {"line": "a: b"}\n\nid: 2\nevent: done\ndata: {}\n\n'
    events = list(client(lambda request: httpx.Response(200, text=text)).follow(1))
    assert [(event.id, event.event, event.data) for event in events] == [
        (1, "notice", {"line": "a: b"}),
        (2, "done", {}),
    ]


def test_a_refusal_is_an_error_with_its_words_and_status() -> None:
    refuse = client(lambda request: httpx.Response(403, json={"detail": "not from here"}))
    with pytest.raises(RemoteError, match=r"^not from here$") as refused:
        refuse.index(["/etc"])
    assert refused.value.status == 403
    assert isinstance(refused.value, VidiError)
    with pytest.raises(RemoteError, match=r"^not from here$"):
        list(refuse.follow(1))


@pytest.mark.parametrize(
    "response", [httpx.Response(502, text="<html>"), httpx.Response(500, json=[]), httpx.Response(404, json={"x": 1})]
)
def test_what_is_no_vidi_server(response: httpx.Response) -> None:
    with pytest.raises(RemoteError, match=rf"status answered {response.status_code}; is it a vidi server\?"):
        client(lambda request: response).status()


def test_an_answer_of_another_shape() -> None:
    with pytest.raises(RemoteError, match=r"answered what is no .*SearchAnswer.*; is it a vidi server of this version"):
        client(lambda request: httpx.Response(200, json={"hits": 3})).search("red")


def test_a_server_that_cant_be_reached(tmp_path: Path) -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    lost = client(respond)
    for call in (lost.status, lambda: list(lost.follow(1)), lambda: lost.file(1, tmp_path / "x")):
        with pytest.raises(
            RemoteError, match=r"can't be reached \(ConnectError: refused\); is `vidi ui` running there"
        ):
            call()


def test_a_query_that_no_address_can_hold() -> None:
    with pytest.raises(RemoteError, match=r"that can't be asked .* shorten the query"):
        client(lambda request: httpx.Response(200, json=ANSWER)).search("x" * 100_000)
