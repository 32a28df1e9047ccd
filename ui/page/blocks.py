"""The page as Gradio components: what is typed goes in, HTML comes out. The work is :mod:`ui.page.answers`'s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ui.page.answers import PAGE_SIZE, Answer, Answers, Question

__all__ = ["build_blocks", "theme"]

_PLACEHOLDER = "Describe it, or drop a picture"
_KINDS = [("Everything", "all"), ("Pictures", "picture"), ("Videos", "video")]
_PICTURE_TYPES = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"]
_SECONDS_BETWEEN_COUNTS = 10
_SEARCHES_AT_ONCE = 4
_FORGET_UPLOADS_SECONDS = 3600


def theme() -> gr.themes.Base:
    """Calm, and of the system's own fonts, so that none is fetched."""
    return gr.themes.Base(
        primary_hue="slate",
        neutral_hue="slate",
        radius_size="lg",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


def build_blocks(answers: Answers) -> gr.Blocks:
    """The page. Its one endpoint for programs is ``/search``."""
    forget = (_FORGET_UPLOADS_SECONDS, _FORGET_UPLOADS_SECONDS)
    with gr.Blocks(title="vidi", analytics_enabled=False, delete_cache=forget) as blocks:
        _html("vidi-brand", "<h1>vidi</h1>")
        query, kind = _query_box(), _kind_choice()
        for component in (query, kind):
            component.async_move_resource_to_block_cache = _take_uploads_alone
        line, gallery = _html("vidi-line"), _html("vidi-gallery")
        nearest = gr.Button("Show the nearest anyway", visible=False, elem_id="vidi-nearest")
        more = gr.Button("Show more", visible=False, elem_id="vidi-more")
        shown, anyway = gr.State(PAGE_SIZE), gr.State(False)  # of the answer that is on the page
        counts = _html("vidi-counts")

        def search(query: dict[str, Any] | None, kind: str) -> list[Any]:
            return show(query, kind, PAGE_SIZE, False)

        def search_nearest(query: dict[str, Any] | None, kind: str) -> list[Any]:
            return show(query, kind, PAGE_SIZE, True)

        def search_more(query: dict[str, Any] | None, kind: str, top: int, anyway: bool) -> list[Any]:
            return show(query, kind, top + PAGE_SIZE, anyway)

        def show(query: dict[str, Any] | None, kind: str, top: int, anyway: bool) -> list[Any]:
            return [*_updates(answers.answer(_question(query, kind, top, anyway))), top, anyway]

        asked, told = [query, kind], [line, gallery, nearest, more, shown, anyway]
        latest: dict[str, Any] = {
            "show_progress": "hidden",
            "concurrency_limit": _SEARCHES_AT_ONCE,
            "concurrency_id": "search",
        }
        query.submit(search, asked, told, api_name="search", trigger_mode="always_last", **latest)
        latest["api_visibility"] = "private"
        kind.change(search, asked, told, trigger_mode="always_last", **latest)
        nearest.click(search_nearest, asked, told, **latest)
        more.click(search_more, [*asked, shown, anyway], told, **latest)
        blocks.load(search, asked, told, **latest)
        for tick in (blocks.load, gr.Timer(_SECONDS_BETWEEN_COUNTS).tick):
            tick(answers.footer, None, counts, queue=False, show_progress="hidden", api_visibility="private")
    return blocks


def _html(elem_id: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=None)


def _query_box() -> gr.MultimodalTextbox:
    return gr.MultimodalTextbox(
        placeholder=_PLACEHOLDER,
        sources=["upload"],
        file_types=_PICTURE_TYPES,
        file_count="single",
        label="What to find",
        show_label=False,
        max_lines=4,
        autofocus=True,
        elem_id="vidi-query",
    )


def _kind_choice() -> gr.Radio:
    return gr.Radio(_KINDS, value="all", label="What to show", show_label=False, container=False, elem_id="vidi-kind")


async def _take_uploads_alone(named: str | Path | None) -> str | None:
    """In place of Gradio's own way with files in a call, which, in an app that is mounted, copies whatever file of
    this machine a forged call names into the folder that it serves, or fetches the address that it gives.
    """
    if named is None:
        return None
    path = Path(named).resolve()
    if not path.is_relative_to(Path(get_upload_folder()).resolve()):
        raise gr.Error("only pictures that were dropped into the page are searched by", print_exception=False)
    return str(path)


def _question(query: dict[str, Any] | None, kind: str, top: int, anyway: bool) -> Question:
    query = query or {}
    files = query.get("files") or []
    return Question(
        text=query.get("text") or "",
        image=Path(files[-1]) if files else None,
        kind=None if kind == "all" else kind,
        top=top,
        anyway=anyway,
    )


def _updates(answer: Answer) -> list[Any]:
    return [
        f'<p role="status">{answer.line}</p>',
        answer.gallery,
        gr.Button(visible=answer.offers_nearest),
        gr.Button(visible=answer.offers_more),
    ]
