"""Who may ask: this machine's own pages alone. Every request passes here first.

A page of another site can make a browser send requests to loopback. The Host check stops DNS rebinding (RFC 9110,
7.2), Origin and Sec-Fetch-Site stop forged requests and foreign pages that embed a person's pictures.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_log = logging.getLogger(__name__)
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_DEFAULT_PORT = 80
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
_OWN_PREFIXES = ("/page/", "/media/", "/thumbnail/")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""The first also has the browser itself see to it that the page asks no other host for anything."""


class Guard:
    """An ASGI application around another, which hears only what it should."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app = app
        self._hosts = frozenset(_with_port(_LOOPBACK_NAMES, port))
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403 or 404 in plain text, or pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refusal = self._refusal(scope["path"], Headers(scope=scope))
            try:
                await (refusal or self._app)(scope, receive, _with_headers(send))
            except Exception as error:  # noqa: BLE001 the last border: the browser was told "Internal Server Error"
                _log.error("answering %s failed: %s: %s", scope["path"], type(error).__name__, error)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, path: str, headers: Headers) -> PlainTextResponse | None:
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return PlainTextResponse("this page answers to localhost and its own port alone", 403)
        if headers.get("origin", next(iter(self._origins))) not in self._origins:
            return PlainTextResponse("this page answers to itself alone, not to other sites", 403)
        navigates = path == "/" and headers.get("sec-fetch-mode") == "navigate"
        if not navigates and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return PlainTextResponse("this page answers to itself alone, not to other sites", 403)
        return None if _is_offered(path) else PlainTextResponse("there is nothing here", 404)


def _with_port(names: Iterable[str], port: int) -> list[str]:
    named = [f"{name}:{port}" for name in names]
    return [*named, *names] if port == _DEFAULT_PORT else named


def _is_offered(path: str) -> bool:
    if path.startswith("/gradio_api/file=http"):
        return False  # Gradio would fetch it from there
    return path in _GRADIO_PATHS or path.startswith((*_GRADIO_PREFIXES, *_OWN_PREFIXES))


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
