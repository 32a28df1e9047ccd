"""The whole page as one ASGI application: the guard, our own routes, and Gradio behind them."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ui.page.answers import Answers
from ui.page.blocks import build_blocks, theme
from ui.page.counts import Counts
from ui.page.guard import Guard
from ui.page.item_routes import ItemRoutes
from ui.page.media import MediaRoutes

__all__ = ["build_app"]

_FOLDER = Path(__file__).parent
_HEAD = """
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/page/page.css">
<script type="module" src="/page/page.js"></script>
"""
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_UPLOAD_MOST = "64mb"


def build_app(answers: Answers, media: MediaRoutes, items: ItemRoutes, counts: Counts, *, port: int) -> ASGIApp:
    """The application that answers at ``port`` of loopback."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.extend([*media.routes(), *items.routes(), *_page_files()])
    gr.mount_gradio_app(
        app,
        build_blocks(answers, counts.footer),
        "/",
        server_name="127.0.0.1",
        server_port=port,
        footer_links=[],
        run_history=False,
        allowed_paths=[],
        show_error=False,
        max_file_size=_UPLOAD_MOST,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=theme(),
        head=_HEAD,
    )
    return Guard(app, port=port)


def _page_files() -> list[Route]:
    """The style sheet and the scripts of this folder, by their names alone."""

    def serve(path: Path) -> Route:
        async def respond(_request: object) -> FileResponse:
            return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})

        return Route(f"/page/{path.name}", respond)

    return [serve(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES]
