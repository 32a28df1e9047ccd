"""The whole page as one application: our own routes, and Gradio behind them. The server puts the guard around it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Route

from ui.page.blocks import theme
from ui.page.media import MediaRoutes

__all__ = ["build_app"]

_FOLDER = Path(__file__).parent
_HEAD = """
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/page/page.css">
<link rel="stylesheet" href="/page/gallery.css">
<link rel="stylesheet" href="/page/item.css">
<link rel="stylesheet" href="/page/library.css">
<link rel="stylesheet" href="/page/time.css">
<script type="module" src="/page/page.js"></script>
"""
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_UPLOAD_MOST = "64mb"


def build_app(
    blocks: gr.Blocks, media: MediaRoutes, *, port: int, token: str, routes: Sequence[BaseRoute] = ()
) -> FastAPI:
    """The application that answers at ``port``. The page is given ``token``, with which it may change something."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.extend([*routes, *media.routes(), *_page_files()])
    gr.mount_gradio_app(
        app,
        blocks,
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
        head=f'{_HEAD}<meta name="vidi-token" content="{escape(token)}">\n',
    )
    return app


def _page_files() -> list[Route]:
    """The style sheets and the scripts of this folder, by their names alone."""

    def serve(path: Path) -> Route:
        async def respond(_request: object) -> FileResponse:
            return FileResponse(path, media_type=_TYPES[path.suffix], headers={"Cache-Control": "no-cache"})

        return Route(f"/page/{path.name}", respond)

    return [serve(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES]
