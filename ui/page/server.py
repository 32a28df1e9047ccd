"""Runs the page: binds to loopback, warms the models up behind the scenes, serves until it is stopped."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.errors import UsageError, VidiError

if TYPE_CHECKING:
    from retrieval.library import Library
    from retrieval.store.catalog import Catalog
    from ui.page.answers import Answers
    from ui.page.item_routes import ItemRoutes
    from ui.page.media import MediaRoutes
    from ui.page.thumbnails import ThumbnailStore

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "address_of", "bind", "loopback_address", "serve"]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 7860
_PORTS_TRIED = 100
_THUMBNAIL_WORKERS_MOST = 2
_UVICORN: dict[str, Any] = {
    "log_level": "critical",  # the guard tells what fails, in a line; a tab cut off at the end is no failure
    "access_log": False,
    "timeout_graceful_shutdown": 1,  # seconds: an open tab holds a connection that would never end by itself
    "ws": "none",
}
_log = logging.getLogger(__name__)


def loopback_address(host: str) -> str:
    """The address that ``host`` names, if it is this machine's own.

    Raises:
        UsageError: it is another, which the page doesn't offer yet.
    """
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:
        address = None
    if address is None or str(address) not in ("127.0.0.1", "::1"):
        raise UsageError(
            f"the page can't be served at {host!r}: it answers on this machine alone for now, since serving others "
            "needs a password, which vidi doesn't offer yet; use 127.0.0.1, localhost or ::1"
        )
    return str(address)


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
    bound = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
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


def serve(
    bound: socket.socket,
    folder: Path,
    *,
    notice: Callable[[str], None],
    ready: Callable[[str], None],
    open_library: Callable[..., Library] | None = None,
) -> None:
    """Serve the page of the library at ``folder`` on ``bound`` until Ctrl-C or SIGTERM. ``ready`` is told the address.

    ``notice`` is told, in one line, what a person should know of the library. A library that isn't there yet is
    made, so that a page that is open finds what is indexed next. ``open_library`` takes the place of ``Library``.

    Raises:
        LibraryError: the library can't be used.
    """
    with ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vidi-page-")))
        _keep_gradio_quiet(temporary / "uploads")
        # Here, not above, and after the settings that it reads at import: Gradio takes seconds to load.
        import uvicorn

        from retrieval.library import Library
        from retrieval.store.catalog import Catalog
        from ui.page.answers import Answers
        from ui.page.app import build_app
        from ui.page.counts import Counts

        catalog = stack.enter_context(Catalog(folder, create=True))
        library = stack.enter_context((open_library or Library)(folder, notice=notice))
        kept = folder if os.access(folder, os.W_OK) else temporary
        answers = Answers(library, catalog)
        thumbnails = _thumbnails(stack, kept / "thumbnails")
        media, items = _media_routes(catalog, thumbnails), _item_routes(library, catalog, answers, thumbnails)
        app = build_app(answers, media, items, Counts(library, catalog), port=bound.getsockname()[1])
        threading.Thread(target=_warm_up, args=(library,), name="warm-up", daemon=True).start()
        ready(address_of(bound))
        uvicorn.Server(uvicorn.Config(app, **_UVICORN)).run(sockets=[bound])


def _thumbnails(stack: ExitStack, folder: Path) -> ThumbnailStore:
    """With workers that end when ``stack`` does."""
    from retrieval.media.worker import MediaWorkers
    from ui.page.renditions import make_renditions_with
    from ui.page.thumbnails import ThumbnailStore

    workers = stack.enter_context(MediaWorkers(processes=_thumbnail_workers()))
    return ThumbnailStore(folder, make_renditions_with(workers))


def _thumbnail_workers() -> int:
    return min(_THUMBNAIL_WORKERS_MOST, os.cpu_count() or 1)


def _media_routes(catalog: Catalog, thumbnails: ThumbnailStore) -> MediaRoutes:
    from ui.page.files import CatalogFiles
    from ui.page.media import MediaRoutes

    return MediaRoutes(CatalogFiles(catalog), thumbnails, makers=_thumbnail_workers())


def _item_routes(library: Library, catalog: Catalog, answers: Answers, thumbnails: ThumbnailStore) -> ItemRoutes:
    from ui.page.files import CatalogFiles
    from ui.page.heat import Heat
    from ui.page.item_routes import ItemRoutes
    from ui.page.items import Items

    return ItemRoutes(Items(catalog), answers, Heat(library, CatalogFiles(catalog), thumbnails))


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
