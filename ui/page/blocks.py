"""The page as Gradio components: what is typed goes in, HTML comes out. The work is :mod:`ui.page.answers`'s."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from ui.page.answers import Answer, Answers, Question
from ui.page.help import help_button, help_text
from ui.page.library_tab import library_markup
from ui.page.likes import parse_likes
from ui.page.markup import brand, filter_button, notice, quiet_line, spoken_line
from ui.page.saved import saved_button, saved_panel

__all__ = ["build_blocks", "theme"]

_log = logging.getLogger(__name__)
_FAILED = "that call can't be answered; the terminal in which vidi runs says more"
_BROKEN_OFF = notice("What follows can't be had.", "Something of what was asked for is gone; ask again.")
_PLACEHOLDER = "Describe it, or drop pictures"
_PICTURE_TYPES = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"]
_SECONDS_BETWEEN_COUNTS = 10
_SEARCHES_AT_ONCE = 4
_FORGET_UPLOADS_SECONDS = 3600
_QUIET: dict[str, Any] = {
    "show_progress": "hidden",
    "concurrency_limit": _SEARCHES_AT_ONCE,
    "concurrency_id": "search",
}
_INTERNAL: dict[str, Any] = {**_QUIET, "api_visibility": "private"}
_COUNTING: dict[str, Any] = {**_INTERNAL, "concurrency_limit": 1, "concurrency_id": "facets"}
"""Counting keeps no search waiting."""


def theme() -> gr.themes.Base:
    """Calm, and of the system's own fonts, so that none is fetched."""
    return gr.themes.Base(
        primary_hue="slate",
        neutral_hue="slate",
        radius_size="lg",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


class _OneLineBlocks(gr.Blocks):  # type: ignore[misc]  # Gradio has no types
    """Gradio prints a trace of the stack for each call that it can't read; here the terminal is told in a line."""

    async def process_api(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        """As Gradio's own."""
        try:
            answered: dict[str, Any] = await super().process_api(*arguments, **named)
        except gr.Error:
            raise
        except Exception as error:
            _log.error("a call of the page failed: %s: %s", type(error).__name__, str(error).partition("\n")[0])
            raise gr.Error(_FAILED, print_exception=False) from error
        return answered


def build_blocks(
    answers: Answers, footer: Callable[[], str], allowed_roots: str, *, is_signed_in: bool = False
) -> gr.Blocks:
    """The page. Its one endpoint for programs is ``/search``.

    ``footer`` gives the HTML of the line at the bottom; ``allowed_roots`` tells where folders may be added.
    Who ``is_signed_in`` can sign out.
    """
    forget = (_FORGET_UPLOADS_SECONDS, _FORGET_UPLOADS_SECONDS)
    with _OneLineBlocks(title="vidi", analytics_enabled=False, delete_cache=forget) as blocks:
        _html("vidi-brand", brand(is_signed_in=is_signed_in))
        with gr.Tabs(elem_id="vidi-tabs"):
            with gr.Tab("Search", id="search"):
                _search_tab(blocks, answers)
            with gr.Tab("Library", id="library", render_children=True):
                _html("vidi-library", library_markup(allowed_roots))
        counts = _html("vidi-counts")
        for tick in (blocks.load, gr.Timer(_SECONDS_BETWEEN_COUNTS).tick):
            tick(footer, None, counts, queue=False, show_progress="hidden", api_visibility="private")
    return blocks


def _search_tab(blocks: gr.Blocks, answers: Answers) -> None:
    with gr.Row(elem_id="vidi-ask"):
        query = _query_box()
        _html("vidi-ask-buttons", saved_button() + help_button())
    likes = gr.Textbox("", visible="hidden", label="Ids of assets to find more like", elem_id="vidi-likes")
    for component in (query, likes):
        component.async_move_resource_to_block_cache = _take_uploads_alone
    _html("vidi-spoken", spoken_line())
    complaint = _html("vidi-complaint")
    _html("vidi-saved", saved_panel())
    _html("vidi-help", help_text())
    _html("vidi-liked")
    with gr.Row(elem_id="vidi-body"):
        with gr.Column(elem_id="vidi-narrow"):
            _html("vidi-filter-button", filter_button())
            facets = _html("vidi-facets")
        with gr.Column(elem_id="vidi-found"):
            line, gallery, appended = _html("vidi-line"), _html("vidi-gallery"), _html("vidi-following")
            nearest = gr.Button("Show the nearest anyway", visible=False, elem_id="vidi-nearest")
            more = gr.Button("Show more", elem_id="vidi-more")  # seen while the gallery goes on: see page.css
    shown = gr.State(Question())  # what the page answers now, whatever has been typed since
    second = gr.State(Question())  # the second page of that
    following = gr.State(Question())  # what it answers next, when more is asked for

    def search(query: dict[str, Any] | None, likes: str) -> list[Any]:
        return ask(_question(query, likes))

    def search_nearest(query: dict[str, Any] | None, likes: str) -> list[Any]:
        return ask(_question(query, likes, anyway=True))

    def ask(question: Question) -> list[Any]:
        question = replace(question, series=token_hex(8))
        answer = answers.answer(question)
        if answer.gallery is None:  # half typed: all but the complaint stays as it is, with what follows from it
            return [gr.skip(), answer.complaint, *(gr.skip() for _ in told[2:])]
        next_page = question.next_page(answer)
        return [*_updates(answer), question, next_page, next_page]

    def search_more(second: Question, following: Question) -> list[Any]:
        # A page of the question before, which came after this one was answered, has left what follows that behind.
        question = following if following.series == second.series else second
        answer = answers.answer(question)
        return [answer.gallery or _BROKEN_OFF, question.next_page(answer)]

    asked, told = [query, likes], [line, complaint, gallery, nearest, shown, second, following]
    searched = query.submit(search, asked, told, api_name="search", trigger_mode="always_last", **_QUIET)
    loaded = blocks.load(search, asked, told, **_INTERNAL)
    nearest.click(search_nearest, asked, told, **_INTERNAL)
    more.click(search_more, [second, following], [appended, following], **_INTERNAL)
    for answered in (searched, loaded):  # after the answer: counting may take longer than finding
        answered.then(answers.facets, shown, facets, **_COUNTING)


def _html(elem_id: str, value: str = "") -> gr.HTML:
    return gr.HTML(value, elem_id=elem_id, apply_default_css=False, js_on_load=None)


def _query_box() -> gr.MultimodalTextbox:
    return gr.MultimodalTextbox(
        placeholder=_PLACEHOLDER,
        sources=["upload"],
        file_types=_PICTURE_TYPES,
        file_count="multiple",
        label="What to find",
        show_label=False,
        max_lines=4,
        autofocus=True,
        elem_id="vidi-query",
    )


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


def _question(query: dict[str, Any] | None, likes: str, *, anyway: bool = False) -> Question:
    query = query or {}
    return Question(
        text=query.get("text") or "",
        images=tuple(map(Path, query.get("files") or ())),
        likes=parse_likes(likes),
        anyway=anyway,
    )


def _updates(answer: Answer) -> list[Any]:
    return [
        quiet_line(answer.line, answer.read_as),
        answer.complaint,
        answer.gallery,
        gr.Button(visible=answer.offers_nearest),
    ]
