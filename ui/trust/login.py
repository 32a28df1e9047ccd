"""Signing in and out, for browsers: a form, and a session's cookie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from anyio import CapacityLimiter, fail_after, to_thread
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ui.trust.access import Access, session_cookie, session_of
from ui.trust.attempts import Attempts
from ui.trust.tokens import same

__all__ = ["LOGIN_PATH", "LOGOUT_PATH", "LoginRoutes"]

LOGIN_PATH, LOGOUT_PATH = "/login", "/logout"
_FREE_BY_ADDRESS, _FREE_BY_USER = 5, 20
_SECONDS_TO_SEND = 10.0
"""A form: whoever has not signed in may hold a connection no longer by sending slowly."""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>vidi: sign in</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; display: grid; place-content: center; min-height: 90vh; }}
form {{ display: grid; gap: .75rem; width: min(20rem, 85vw); }}
label {{ display: grid; gap: .25rem; }}
input, button {{ font: inherit; padding: .5rem; }}
</style></head>
<body><main><h1>vidi</h1><form method="post" action="{action}">{fields}
<button>Sign in</button><p role="alert">{line}</p></form></main></body></html>
"""
_USER = '<label>Name <input name="user" autocomplete="username" autofocus required></label>'
_PASSWORD = '<label>Password <input name="password" type="password" autocomplete="current-password" required></label>'
_TOKEN = '<label>Token <input name="token" type="password" autocomplete="off" required></label>'


class LoginRoutes:
    """``/login`` gives the form and takes it; ``/logout`` ends the session."""

    def __init__(self, access: Access, is_https: Callable[[str], bool] = lambda host: False) -> None:
        """``is_https`` tells of a value of ``Host`` whether what is asked by it came by TLS, to a proxy."""
        self._access = access
        self._is_https = is_https
        self._by_address = Attempts(_FREE_BY_ADDRESS)
        self._by_user = Attempts(_FREE_BY_USER)
        self._checks = CapacityLimiter(1)  # each takes 64 MB

    def routes(self) -> list[Route]:
        """Both."""
        return [
            Route(LOGIN_PATH, self._form, methods=["GET"]),
            Route(LOGIN_PATH, self._sign_in, methods=["POST"]),
            Route(LOGOUT_PATH, self._sign_out, methods=["POST"]),
        ]

    async def _form(self, _request: Request) -> Response:
        return self._page("")

    async def _sign_in(self, request: Request) -> Response:
        try:
            with fail_after(_SECONDS_TO_SEND):
                form = await request.form(max_files=0, max_fields=4)
        except ClientDisconnect:
            return Response(status_code=408)  # nobody reads it
        except TimeoutError:
            return self._page("That took too long. Try again.", 408, {"Connection": "close"})
        return await self._attempt(request, form)

    async def _attempt(self, request: Request, form: FormData) -> Response:
        user, keys = _text(form, "user"), self._keys(request, _text(form, "user"))
        if (wait := _reserve(keys)) > 0:
            seconds = math.ceil(wait)
            headers = {"Retry-After": str(seconds)}
            return self._page(f"Too many attempts. Try again in {seconds} seconds.", 429, headers)
        is_right = await to_thread.run_sync(self._is_right, user, form, limiter=self._checks)
        if not is_right:
            return self._page("That is not right.", 401)
        for limit, key in keys:
            limit.succeed(key)
        response = RedirectResponse("/", 303)
        response.headers["Set-Cookie"] = self._cookie(request, self._access.sessions.begin())
        return response

    async def _sign_out(self, request: Request) -> Response:
        self._access.sessions.end(session_of(request.headers))
        response = RedirectResponse(LOGIN_PATH, 303)
        response.headers["Set-Cookie"] = self._cookie(request, "")
        return response

    def _cookie(self, request: Request, secret: str) -> str:
        host = request.headers.get("host", "")
        return session_cookie(secret, host, is_https=request.url.scheme == "https" or self._is_https(host))

    def _keys(self, request: Request, user: str) -> list[tuple[Attempts, str]]:
        """What an attempt counts for. Whoever signs in by the token has no name: one for all would have a stranger's
        wrong tries lock everybody out, and nobody guesses the token."""
        by_address = (self._by_address, request.client.host if request.client else "")
        return [by_address] if self._access.passwords is None else [by_address, (self._by_user, user[:64])]

    def _is_right(self, user: str, form: FormData) -> bool:
        if self._access.passwords is not None:
            return self._access.passwords.are_right(user, _text(form, "password"))
        return self._access.token is not None and same(_text(form, "token").strip(), self._access.token)

    def _page(self, line: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        fields = _TOKEN if self._access.passwords is None else _USER + _PASSWORD
        content = _PAGE.format(action=LOGIN_PATH, fields=fields, line=line)
        return HTMLResponse(content, status, {"Cache-Control": "no-store"} | (headers or {}))


def _reserve(keys: Sequence[tuple[Attempts, str]]) -> float:
    """Begin an attempt; or how many seconds one has to wait, in which case none of ``keys`` is booked for it.

    The event loop's thread alone comes here, and waits for nothing: what is looked at still holds when it is booked.
    """
    wait = max(limit.seconds_left(key) for limit, key in keys)
    return wait if wait > 0 else max(limit.reserve(key) for limit, key in keys)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
