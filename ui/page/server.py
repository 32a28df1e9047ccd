"""Runs the page, the API and MCP: binds, warms the models up behind the scenes, serves until it is stopped."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import UsageError, VidiError
from ui.page.terminal import told_in_lines
from ui.trust.hosts import is_loopback
from ui.trust.settings import Trust

if TYPE_CHECKING:
    from retrieval.library import Library

__all__ = ["DEFAULT_PORT", "UVICORN_SETTINGS", "address_of", "bind", "check_exposed", "serve"]

DEFAULT_PORT = 7860
_PORTS_TRIED = 100
UVICORN_SETTINGS: dict[str, Any] = {
    "log_level": "critical",  # the guard tells what fails, in a line; a tab cut off at the end is no failure
    "access_log": False,
    "timeout_graceful_shutdown": 1,  # seconds: an open tab holds a connection that would never end by itself
    "ws": "none",
    "proxy_headers": False,  # whoever asks could write X-Forwarded-For, and be another address at each attempt
}
_log = logging.getLogger(__name__)


def bind(address: str, port: int | None) -> socket.socket:
    """A socket that listens at ``port``, or, if that is None, at the first free port from the default one up.

    Raises:
        VidiError: the port is taken, or may not be used.
    """
    ports = range(DEFAULT_PORT, DEFAULT_PORT + _PORTS_TRIED) if port is None else (port,)
    for candidate in ports:
        try:
            return _bind(address, candidate)
        except OSError as error:
            reason = error.strerror
    raise VidiError(
        f"port {ports[-1]} of {address} can't be used ({reason}); choose another with --port, or leave it out"
    )


def _bind(address: str, port: int) -> socket.socket:
    # Named TCP: of a socket that isn't, asyncio holds small answers back until the last was acknowledged, 40 ms each.
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # A port that was in use a moment ago may be taken again; one that is in use now may not.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        bound.listen(128)
    except BaseException:
        bound.close()
        raise
    return bound


def address_of(bound: socket.socket) -> str:
    """What to type in a browser."""
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def check_exposed(address: str, trust: Trust) -> None:
    """See that nobody is let in from elsewhere without a word.

    Raises:
        UsageError: ``address``, or a name of a proxy, is reached from elsewhere, and nobody has to sign in.
    """
    if not (trust.access.is_open and trust.serves_others(address)):
        return
    named = next((name.host for name in trust.names if not name.is_local), "")
    at, option = (f"at {address}", "--host") if not is_loopback(address) else (f"as {named}", "--allow-host")
    raise UsageError(
        f"{at} other machines reach the page, expected --password-file FILE (made by "
        f"`vidi ui --set-password USER FILE`) or --token-file FILE; or leave out {option} to serve this machine alone"
    )


def serve(
    bound: socket.socket,
    folder: Path,
    *,
    notice: Callable[[str], None],
    ready: Callable[[str], None],
    trust: Trust | None = None,
    open_library: Callable[..., Library] | None = None,
) -> None:
    """Serve the page of the library at ``folder`` on ``bound`` until Ctrl-C or SIGTERM. ``ready`` is told the address.

    ``notice`` is told, in one line, what a person should know of the library. A library that isn't there yet is
    made, so that a page that is open finds what is indexed next. ``open_library`` takes the place of ``Library``.

    Raises:
        UsageError: ``bound`` is reached from elsewhere, and nobody has to sign in.
        LibraryError: the library can't be used.
        MissingExtraError: MCP is asked for, and its package isn't installed.
    """
    trust = trust or Trust()
    check_exposed(bound.getsockname()[0], trust)
    with ExitStack() as stack:
        stack.enter_context(told_in_lines())
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vidi-page-")))
        _keep_gradio_quiet(temporary / "uploads")
        # Here, not above, and after the settings that it reads at import: Gradio takes seconds to load.
        import uvicorn
        from threadpoolctl import threadpool_limits

        from retrieval.library import Library
        from retrieval.store.catalog import Catalog
        from ui.page.application import build_application

        # Searches go on side by side. On their small matrices BLAS's own threads only wait for one another: on two busy
        # cores a search took 174 ms with them, 28 without, and ten clients were answered six times as often.
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        catalog = stack.enter_context(Catalog(folder, create=True))
        library = stack.enter_context((open_library or Library)(folder, notice=notice))
        app = build_application(stack, bound.getsockname()[:2], catalog, library, trust, temporary=temporary)
        threading.Thread(target=_warm_up, args=(library,), name="warm-up", daemon=True).start()
        ready(address_of(bound))
        uvicorn.Server(uvicorn.Config(app, **UVICORN_SETTINGS)).run(sockets=[bound])


def _keep_gradio_quiet(uploads: Path) -> None:
    """No request to any other host, and what is dropped into the page goes when the page ends."""
    os.environ.update(
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_TEMP_DIR=str(uploads),
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_OFFLINE="1",
    )


def _warm_up(library: Library) -> None:
    """Load the models and the index before the first person asks."""
    try:
        library.search("anything", top=1)
    except VidiError as error:
        _log.debug("not warmed up: %s", error)  # nothing is indexed yet, or the first query will say what is wrong
