"""Who may ask, and who may change something: decided from a request's headers alone."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import Headers

from ui.trust.passwords import Passwords
from ui.trust.sessions import SESSION_SECONDS, Sessions
from ui.trust.tokens import new_token, same

__all__ = ["PAGE_TOKEN_HEADER", "Access"]

PAGE_TOKEN_HEADER = "x-vidi-token"
_COOKIE = "vidi_session"


@dataclass(frozen=True, slots=True)
class Access:
    """Open to whoever reaches it, or for those with a password or the token."""

    passwords: Passwords | None = None
    token: str | None = None
    """Of programs: the whole of the API. A browser may sign in with it too."""
    sessions: Sessions = field(default_factory=Sessions)
    page_token: str = field(default_factory=new_token)
    """The page gets it with its HTML, and gives it back with each request that changes something: no other site can."""

    @property
    def is_open(self) -> bool:
        """Whether nobody has to sign in."""
        return self.passwords is None and self.token is None

    def admits(self, headers: Headers) -> bool:
        """Whether whoever sent ``headers`` may read."""
        return self.is_open or self._bears_token(headers) or self.sessions.is_open(session_of(headers))

    def may_change(self, headers: Headers) -> bool:
        """Whether whoever sent ``headers``, and is admitted, may change something."""
        return self._bears_token(headers) or same(headers.get(PAGE_TOKEN_HEADER, ""), self.page_token)

    def _bears_token(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return self.token is not None and scheme.lower() == "bearer" and same(token.strip(), self.token)


def session_of(headers: Headers) -> str:
    """The session's secret in the cookie; empty where there is none.

    Other programs' cookies come with it, whatever they hold: a browser sends those of a host to all of its ports.
    """
    wanted = _cookie_of(headers.get("host", ""))
    for cookie in ";".join(headers.getlist("cookie")).split(";"):
        name, _, secret = cookie.strip().partition("=")
        if name == wanted:
            return secret
    return ""


def session_cookie(secret: str, host: str, *, is_https: bool = False) -> str:
    """A ``Set-Cookie`` that scripts can't read and that no other site's request carries; empty: one that ends it.

    ``host`` is the value of ``Host`` by which the browser asked. With ``is_https`` it sends the cookie by TLS alone.
    """
    seconds = SESSION_SECONDS if secret else 0
    tls = "; Secure" if is_https else ""
    return f"{_cookie_of(host)}={secret}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict{tls}"


def _cookie_of(host: str) -> str:
    """The cookie's name, by the port in ``host``, a value of ``Host``: each server on a machine has its own."""
    port = host.rpartition(":")[2]
    return f"{_COOKIE}_{port}" if port.isdecimal() else _COOKIE
