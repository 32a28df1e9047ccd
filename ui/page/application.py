"""All that is served, put together: the page, the API and MCP behind one guard."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from retrieval.library import Library
from retrieval.media.worker import MediaWorkers
from retrieval.store.catalog import Catalog
from retrieval.store.census import indexed_roots
from ui.api.app import build_api
from ui.api.mcp_tools import open_mcp
from ui.api.previews import PreviewStore, make_clips_with
from ui.api.services import Services
from ui.index_jobs import IndexJobs
from ui.page.answers import Answers
from ui.page.app import build_app
from ui.page.blocks import build_blocks
from ui.page.counts import Counts
from ui.page.files import CatalogFiles
from ui.page.guard import API_PREFIX, MCP_PATH, Guard
from ui.page.heat import Heat
from ui.page.item_routes import ItemRoutes
from ui.page.items import Items
from ui.page.media import MediaRoutes
from ui.page.renditions import make_renditions_with
from ui.page.saved import SavedOnPage
from ui.page.thumbnails import ThumbnailStore
from ui.trust.access import Access
from ui.trust.hosts import Hosts
from ui.trust.login import LoginRoutes
from ui.trust.roots import AllowedRoots
from ui.trust.settings import Trust

__all__ = ["build_application"]

_WORKERS_MOST = 2
_WORKERS = min(_WORKERS_MOST, os.cpu_count() or 1)


def build_application(
    stack: ExitStack, bound_to: tuple[str, int], catalog: Catalog, library: Library, trust: Trust, *, temporary: Path
) -> ASGIApp:
    """What answers at the address and port ``bound_to``; what it needs ends when ``stack`` does.

    Raises:
        MissingExtraError: MCP is asked for, and its package isn't installed.
    """
    address, port = bound_to
    hosts = Hosts(address, port, trust.names)
    services = _services(stack, catalog, library, trust, address, temporary=temporary)
    mcp = open_mcp(services, MCP_PATH) if trust.mcp else None
    routes: list[BaseRoute] = [Mount(API_PREFIX, build_api(services))]
    if mcp:
        routes += mcp.routes
    if not trust.access.is_open:
        routes += LoginRoutes(trust.access, hosts.is_https).routes()
    app = _page(services, trust.access, _kept_in(catalog, temporary) / "heat", port=port, routes=routes)
    if mcp:
        _run_beside(app, mcp.run)
    return Guard(app, hosts=hosts, access=trust.access, offers_mcp=trust.mcp)


def _page(services: Services, access: Access, heat_folder: Path, *, port: int, routes: Sequence[BaseRoute]) -> FastAPI:
    library, catalog = services.library, services.catalog
    files, answers = CatalogFiles(catalog), Answers(library, catalog)
    heat = Heat(library, files, services.thumbnails, heat_folder)
    items = ItemRoutes(Items(catalog, library.timed_texts), answers, heat, services.searches)
    media = MediaRoutes(files, services.thumbnails, services.thumbnail_makers)
    footer, roots = Counts(library, catalog).footer, str(services.jobs.roots)
    blocks = build_blocks(answers, footer, roots, is_signed_in=not access.is_open)
    routes = [*routes, *items.routes(), *SavedOnPage(catalog).routes()]
    return build_app(blocks, media, port=port, token=access.page_token, routes=routes)


def _services(
    stack: ExitStack, catalog: Catalog, library: Library, trust: Trust, address: str, *, temporary: Path
) -> Services:
    workers = stack.enter_context(MediaWorkers(processes=_WORKERS))
    kept = _kept_in(catalog, temporary)
    return Services(
        library=library,
        catalog=catalog,
        thumbnails=ThumbnailStore(kept / "thumbnails", make_renditions_with(workers)),
        previews=PreviewStore(kept / "previews", make_clips_with(workers)),
        jobs=stack.enter_context(IndexJobs(catalog, _roots(catalog, trust, address))),
    )


def _kept_in(catalog: Catalog, temporary: Path) -> Path:
    """Where pictures and clips for the page are kept."""
    return catalog.library if os.access(catalog.library, os.W_OK) else temporary


def _roots(catalog: Catalog, trust: Trust, address: str) -> AllowedRoots:
    if trust.roots:
        return AllowedRoots(trust.roots)
    return AllowedRoots([] if trust.serves_others(address) else [Path.home()], indexed_roots(catalog))


def _run_beside(app: FastAPI, run: Callable[[], AbstractAsyncContextManager[None]]) -> None:
    """Have ``run`` go on as long as ``app`` serves."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def both(served: FastAPI) -> AsyncIterator[Any]:
        async with run(), inner(served) as state:
            yield state

    app.router.lifespan_context = both
