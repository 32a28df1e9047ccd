"""Who may ask, and for what. Every request passes here first: those of the page, of the API and of MCP.

A page of another site can make a browser send requests here. The Host check stops DNS rebinding (RFC 9110, 7.2),
Origin and Sec-Fetch-Site stop forged requests and foreign pages that embed a person's pictures. Whoever has to sign in
does; and what changes something needs a token that no other site can know.
"""

from __future__ import annotations

import logging

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.api.problems import problem
from ui.trust.access import PAGE_TOKEN_HEADER, Access
from ui.trust.hosts import Hosts
from ui.trust.login import LOGIN_PATH, LOGOUT_PATH

__all__ = ["API_PREFIX", "MCP_PATH", "Guard"]

API_PREFIX = "/api/v1"
MCP_PATH = "/mcp"
_log = logging.getLogger(__name__)
_GRADIO_PREFIXES = (
    "/gradio_api/app_id",
    "/gradio_api/call/",
    "/gradio_api/cancel",
    "/gradio_api/file=",
    "/gradio_api/heartbeat/",
    "/gradio_api/info",
    "/gradio_api/queue/",
    "/gradio_api/reset",
    "/gradio_api/run/",
    "/gradio_api/startup-events",
    "/gradio_api/upload",
    "/static/",
    "/assets/",
)
"""What the page and Gradio's clients use. Gradio offers more, such as fetching from other hosts: refused."""
_GRADIO_PATHS = frozenset(("/", "/config", "/config/", "/theme.css", "/gradio_api/theme.css", "/favicon.ico"))
_OWN_PREFIXES = ("/page/", "/media/", "/thumbnail/", f"{API_PREFIX}/")
_READING = frozenset(("GET", "HEAD", "OPTIONS"))
_SEARCH_PATH = f"{API_PREFIX}/search"
"""A picture is sent to it, and nothing is changed."""
_BODY_MOST = 1 << 20
_LOGIN_MOST = 16 << 10
"""Bytes of a name and a password, from whoever reaches the server."""
_UPLOAD_MOST = 256 << 20
"""Bytes of all that is sent at once; one picture may have 64 MB."""
_DIGITS_MOST = 18
_PATH_SHOWN = 200
"""Letters, in the terminal."""
_UPLOAD_PATHS = ("/gradio_api/upload", _SEARCH_PATH)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
"""The first also has the browser itself see to it that the page asks no other host for anything. With "no-referrer" as
the last, browsers would send the form of the sign-in with `Origin: null`, which is refused."""


class Guard:
    """An ASGI application around another, which hears only what it should."""

    def __init__(self, app: ASGIApp, *, hosts: Hosts, access: Access, offers_mcp: bool = False) -> None:
        self._app = app
        self._hosts = hosts
        self._access = access
        paths = {*_GRADIO_PATHS} | ({MCP_PATH} if offers_mcp else set())
        self._paths = paths if access.is_open else paths | {LOGIN_PATH, LOGOUT_PATH}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse in one plain line, or pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
            try:
                await (refusal or self._app)(scope, receive, _with_headers(send))
            except Exception as error:  # noqa: BLE001 the last border: the browser was told "Internal Server Error"
                _log.error("answering %s failed: %s: %s", scope["path"][:_PATH_SHOWN], type(error).__name__, error)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, method: str, path: str, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.allow(hosts[0]):
            return _refused(path, 403, "this page answers to its own names and port alone")
        if not self._is_own_page(path, hosts[0], headers):
            return _refused(path, 403, "this page answers to itself alone, not to other sites")
        if not self._is_offered(path):
            return _refused(path, 404, "there is nothing here")
        if too_much := _too_much(path, headers):
            return too_much
        if path == LOGIN_PATH:
            return None
        if not self._access.admits(headers):
            return _sign_in(path)
        if _changes(method, path) and not self._access.may_change(headers):
            return _refused(
                path,
                403,
                f"what changes something needs `Authorization: Bearer TOKEN` (of `vidi ui --token-file FILE`), or the "
                f"page's own token as {PAGE_TOKEN_HEADER}",
            )
        return None

    def _is_own_page(self, path: str, host: str, headers: Headers) -> bool:
        """Whether it was sent by a page of ours, or by no page at all."""
        origins = headers.getlist("origin")
        if any(not self._hosts.allow_origin(origin, host) for origin in origins):
            return False
        navigates = path in ("/", LOGIN_PATH) and headers.get("sec-fetch-mode") == "navigate"
        return navigates or headers.get("sec-fetch-site", "none") in ("none", "same-origin")

    def _is_offered(self, path: str) -> bool:
        if path.startswith("/gradio_api/file=http"):
            return False  # Gradio would fetch it from there
        return path in self._paths or path.startswith((*_GRADIO_PREFIXES, *_OWN_PREFIXES))


def _changes(method: str, path: str) -> bool:
    """Gradio's own calls only read, and MCP's tools too; a search may be sent a picture."""
    return method not in _READING and path.startswith(f"{API_PREFIX}/") and path != _SEARCH_PATH


def _too_much(path: str, headers: Headers) -> Response | None:
    """The server itself sees to it that no more comes than was said."""
    if "transfer-encoding" in headers:
        return _refused(path, 411, "expected a request that says how long it is (Content-Length)")
    most = _UPLOAD_MOST if path in _UPLOAD_PATHS else _LOGIN_MOST if path == LOGIN_PATH else _BODY_MOST
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > _DIGITS_MOST or int(length) > most:
        return _refused(path, 413, f"expected at most {most:,} bytes, got {length[:_DIGITS_MOST]}")
    return None


def _sign_in(path: str) -> Response:
    if path in ("/", LOGOUT_PATH):  # whose session has ended is signed out
        return RedirectResponse(LOGIN_PATH, 303)
    headers = {"WWW-Authenticate": "Bearer"}
    return _refused(path, 401, "sign in on the page, or send `Authorization: Bearer TOKEN`", headers)


def _refused(path: str, status: int, line: str, headers: dict[str, str] | None = None) -> Response:
    if path.startswith((API_PREFIX, MCP_PATH)):
        return problem(status, line, headers)
    return PlainTextResponse(line, status, headers)


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
