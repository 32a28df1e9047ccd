"""The whole page as one application: our own routes, and Gradio behind them. The server puts the guard around it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Route

from ui.page.answers import Answers
from ui.page.blocks import build_blocks, theme
from ui.page.media import MediaRoutes

__all__ = ["build_app"]

_FOLDER = Path(__file__).parent
_HEAD = """
<meta name="color-scheme" content="light dark">
<link rel="stylesheet" href="/page/page.css">
<script src="/page/page.js" defer></script>
"""
_UPLOAD_MOST = "64mb"


def build_app(
    answers: Answers, media: MediaRoutes, *, port: int, token: str, routes: Sequence[BaseRoute] = ()
) -> FastAPI:
    """The application that answers at ``port``. The page is given ``token``, with which it may change something."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.router.routes.extend([*routes, *media.routes(), *_page_files()])
    gr.mount_gradio_app(
        app,
        build_blocks(answers),
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
    def serve(name: str, media_type: str) -> Route:
        async def respond(_request: object) -> FileResponse:
            return FileResponse(_FOLDER / name, media_type=media_type, headers={"Cache-Control": "no-cache"})

        return Route(f"/page/{name}", respond)

    return [serve("page.css", "text/css"), serve("page.js", "text/javascript")]
