"""Who may ask."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.page.guard import Guard
from ui.trust.access import Access, session_cookie
from ui.trust.hosts import Hosts

PORT = 7860
TOKEN = "t" * 40
CLOSED = Access(token=TOKEN)
OPEN = Access()


def guard(app: ASGIApp, port: int = PORT, access: Access = OPEN) -> Guard:
    return Guard(app, hosts=Hosts("127.0.0.1", port), access=access, offers_mcp=True)


def ask(
    path: str = "/media/1", port: int = PORT, method: str = "GET", access: Access = OPEN, **headers: str
) -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(guard(PlainTextResponse("welcome"), port, access))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            named = {name.replace("_", "-").encode(): value.encode("latin-1") for name, value in headers.items()}
            return await client.request(method, path, headers=named)

    return anyio.run(request)


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1:7860", "[::1]:7860", "LOCALHOST:7860"])
def test_this_machines_names_are_answered(host: str) -> None:
    assert ask(host=host).text == "welcome"


@pytest.mark.parametrize("host", ["evil.example:7860", "localhost", "localhost:80", "127.0.0.1.evil.example:7860", ""])
def test_any_other_host_is_refused_in_plain_words(host: str) -> None:
    response = ask(host=host)
    assert response.status_code == 403
    assert response.headers["content-type"].startswith("text/plain")
    assert response.text == "this page answers to its own names and port alone"


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
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost:7860")]}
        await guard(fail)(scope, unused, unused)

    anyio.run(get)
    assert caplog.messages == ["answering / failed: ZeroDivisionError: a bug"]


def test_a_long_path_is_cut_in_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError("a bug")

    async def get() -> None:
        scope = {"type": "http", "method": "GET", "path": f"/media/{'9' * 5000}", "headers": [(b"host", b"[::1]:7860")]}
        await guard(fail)(scope, unused, unused)

    anyio.run(get)
    assert len(caplog.messages[0]) < 300


async def unused(*_: object) -> Any:
    raise AssertionError("nothing is received or sent")


def test_every_answer_tells_the_browser_to_stay_here() -> None:
    for response in (ask(), ask(host="evil.example")):
        assert "default-src 'self'" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cross-origin-resource-policy"] == "same-origin"
        assert response.headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
        assert response.headers["referrer-policy"] == "same-origin"


# -------------------------------------------------------------------------------------------------- the API and MCP

API = "/api/v1/status"


@pytest.mark.parametrize("path", [API, "/mcp"])
def test_the_api_and_mcp_refuse_other_names_and_pages_by_problem_details(path: str) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}):
        response = ask(path, **headers)
        assert response.status_code == 403
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == 403


def test_a_foreign_page_cant_even_navigate_to_the_api() -> None:
    assert ask(API, sec_fetch_site="cross-site", sec_fetch_mode="navigate").status_code == 403


def test_two_hosts_are_no_host() -> None:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(guard(PlainTextResponse("welcome")))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            headers = [("host", "localhost:7860"), ("host", "evil.example")]
            return await client.get("/media/1", headers=headers)

    assert anyio.run(request).status_code == 403


def test_mcp_is_offered_only_where_it_was_asked_for() -> None:
    async def request() -> httpx.Response:
        shut = Guard(PlainTextResponse("welcome"), hosts=Hosts("127.0.0.1", PORT), access=OPEN)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(shut), base_url=f"http://localhost:{PORT}"
        ) as client:
            return await client.post("/mcp")

    assert anyio.run(request).status_code == 404
    assert ask("/mcp", method="POST").text == "welcome"


@pytest.mark.parametrize("path", ["/api/v2/status", "/api/v1", "/api/v1status", "/mcp/x", "/login", "/logout"])
def test_what_is_not_there(path: str) -> None:
    assert ask(path).status_code == 404


# ---------------------------------------------------------------------------------------------------- changing things


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_changes_something_needs_a_token(method: str) -> None:
    response = ask("/api/v1/jobs", method=method)
    assert response.status_code == 403
    assert "needs `Authorization: Bearer TOKEN`" in response.json()["detail"]
    for wrong in ("", "x", OPEN.page_token[:-1], "ü"):
        assert ask("/api/v1/jobs", method=method, x_vidi_token=wrong).status_code == 403
    assert ask("/api/v1/jobs", method=method, x_vidi_token=OPEN.page_token).text == "welcome"


def test_reading_needs_none_and_a_picture_may_be_searched_with() -> None:
    assert ask("/api/v1/jobs").text == "welcome"
    assert ask("/api/v1/search", method="POST").text == "welcome"


def test_a_foreign_page_with_the_right_token_is_a_foreign_page() -> None:
    headers = {"x_vidi_token": OPEN.page_token, "origin": "http://evil.example"}
    assert ask("/api/v1/jobs", method="POST", **headers).status_code == 403


# ---------------------------------------------------------------------------------------------------------- signing in


def test_whoever_has_to_sign_in_gets_nothing_before() -> None:
    for path in (API, "/mcp"):
        response = ask(path, access=CLOSED)
        assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
        assert response.headers["content-type"] == "application/problem+json"
    for path in ("/media/1", "/thumbnail/1", "/gradio_api/info", "/config", "/page/page.js", "/theme.css", "/static/x"):
        assert ask(path, access=CLOSED).status_code == 401
    assert ask("/", access=CLOSED).headers["location"] == "/login"
    assert ask("/login", access=CLOSED).text == "welcome"


def test_the_bearer_of_the_token_may_do_all() -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert ask(API, access=CLOSED, **bearer).text == "welcome"
    assert ask("/api/v1/jobs", method="POST", access=CLOSED, **bearer).text == "welcome"
    for wrong in (f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer ü"):
        assert ask(API, access=CLOSED, authorization=wrong).status_code == 401


def test_no_token_is_none_that_anyone_could_bear() -> None:
    for bearer in ("Bearer ", "Bearer None"):
        assert ask("/api/v1/jobs", method="POST", authorization=bearer).status_code == 403


def session(host: str = f"127.0.0.1:{PORT}") -> str:
    """A cookie, as a browser sends it back."""
    return session_cookie(CLOSED.sessions.begin(), host).partition(";")[0]


def test_a_session_may_read_and_change_only_with_the_pages_token() -> None:
    cookie = session()
    assert ask(API, access=CLOSED, cookie=cookie).text == "welcome"
    assert ask("/api/v1/jobs", method="POST", access=CLOSED, cookie=cookie).status_code == 403
    token = {"x_vidi_token": CLOSED.page_token}
    assert ask("/api/v1/jobs", method="POST", access=CLOSED, cookie=cookie, **token).text == "welcome"
    assert ask("/api/v1/jobs", method="POST", access=CLOSED, **token).status_code == 401


@pytest.mark.parametrize(
    "other", ['a={"x":1}', "a=b c", "a@b=c", "Domain=x", "expires=foo", "a=ü", "=", "", '"', "vidi_session_80=x"]
)
def test_other_programs_cookies_shut_nobody_out(other: str) -> None:
    for cookie in (f"{other}; {session()}", f"{session()};{other}"):
        assert ask(API, access=CLOSED, cookie=cookie).text == "welcome"


def test_the_session_of_one_port_is_none_of_another() -> None:
    cookie = session("127.0.0.1:7861")
    assert ask(API, access=CLOSED, cookie=cookie).status_code == 401
    assert ask(API, port=7861, access=CLOSED, cookie=cookie).text == "welcome"
    assert session("localhost:80").partition("=")[0] == "vidi_session_80"
    assert {session(host).partition("=")[0] for host in ("photos.example", "[::1]")} == {"vidi_session"}


def test_whose_session_has_ended_is_signed_out() -> None:
    assert ask("/logout", method="POST", access=CLOSED).headers["location"] == "/login"


@pytest.mark.parametrize(
    "cookie", ["vidi_session_7860=", "vidi_session_7860=guessed", "x", "vidi_session_7860=a; =b;;;", '"']
)
def test_cookies_that_open_nothing(cookie: str) -> None:
    assert ask(API, access=CLOSED, cookie=cookie).status_code == 401


# ------------------------------------------------------------------------------------------------------ what is sent


def test_too_much_is_refused_before_it_is_read() -> None:
    assert ask("/gradio_api/queue/join", method="POST", content_length=str(2 << 20)).status_code == 413
    assert ask("/gradio_api/upload", method="POST", content_length=str(2 << 20)).text == "welcome"
    assert ask("/api/v1/search", method="POST", content_length=str(257 << 20)).status_code == 413
    assert ask("/api/v1/search", method="POST", content_length="-1").status_code == 413
    assert ask("/login", method="POST", access=CLOSED, content_length=str(20 << 10)).status_code == 413
    assert ask("/login", method="POST", access=CLOSED, content_length=str(1 << 10)).text == "welcome"
    assert ask("/api/v1/search", method="POST", content_length="9" * 5000).status_code == 413


def test_what_does_not_say_how_much_it_is_is_refused() -> None:
    assert ask("/api/v1/search", method="POST", transfer_encoding="chunked").status_code == 411
