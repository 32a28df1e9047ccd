"""Who may ask."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ui.page.guard import Guard

PORT = 7860


def ask(path: str = "/media/1", port: int = PORT, **headers: str) -> httpx.Response:
    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(Guard(PlainTextResponse("welcome"), port=port))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return anyio.run(get)


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST:7860"])
def test_this_machines_names_are_answered(host: str) -> None:
    assert ask(host=host).text == "welcome"


@pytest.mark.parametrize("host", ["evil.example:7860", "localhost", "localhost:80", "127.0.0.1.evil.example:7860", ""])
def test_any_other_host_is_refused_in_plain_words(host: str) -> None:
    response = ask(host=host)
    assert response.status_code == 403
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "this page answers to localhost and its own port alone"


def test_the_port_may_be_left_out_where_it_is_the_default_one() -> None:
    assert ask(port=80, host="localhost").text == "welcome"


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:3000", "null", "https://localhost:7860"])
def test_pages_of_others_are_refused(origin: str) -> None:
    assert ask(origin=origin).status_code == 403
    assert ask("/", origin=origin).status_code == 403


def test_the_page_itself_is_answered() -> None:
    assert ask(origin="http://localhost:7860", sec_fetch_site="same-origin").text == "welcome"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_foreign_page_can_link_here_but_embed_nothing(site: str) -> None:
    assert ask("/media/1", sec_fetch_site=site, sec_fetch_mode="no-cors").status_code == 403
    assert ask("/media/1", sec_fetch_site=site, sec_fetch_mode="navigate").status_code == 403
    assert ask("/", sec_fetch_site=site, sec_fetch_mode="navigate").text == "welcome"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/proxy=http://evil.example/",
        "/gradio_api/file=https://evil.example/",
        "/gradio_api/vibe-edit/",
        "/gradio_api/deep_link",
        "/monitoring",
        "/docs",
        "/etc/passwd",
        "/pagex",
    ],
)
def test_only_what_the_page_needs_is_offered(path: str) -> None:
    assert ask(path).status_code == 404


def test_a_failure_is_one_line_in_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("a bug")

    async def get() -> None:
        guard = Guard(fail, port=PORT)
        scope = {"type": "http", "path": "/", "headers": [(b"host", b"localhost:7860")]}
        await guard(scope, unused, unused)

    anyio.run(get)
    assert caplog.messages == ["answering / failed: ZeroDivisionError: a bug"]


async def unused(*_: object) -> Any:
    raise AssertionError("nothing is received or sent")


def test_every_answer_tells_the_browser_to_stay_here() -> None:
    for response in (ask(), ask(host="evil.example")):
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
