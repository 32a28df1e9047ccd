"""Rows as HTML. Every word that comes from a file or a person is escaped here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from retrieval.types import MediaKind
from ui.presentation import Row
from ui.trust.login import LOGOUT_PATH
from ui.wording import clock

__all__ = ["EXAMPLES", "brand", "cards", "caret", "filter_button", "notice", "quiet_line", "spoken_line", "welcome"]

EXAMPLES = ("a dog running", "people at a table", "a city at night", "flowers")
_FIRST_ROW = 8
"""So many thumbnails are loaded at once: they are seen without scrolling."""
_SOUND = '<span class="vidi-sound" aria-hidden="true">♪</span>'


def brand(*, is_signed_in: bool) -> str:
    """HTML: the name, and the way out for who ``is_signed_in``."""
    sign_out = (
        f'<form class="vidi-sign-out" method="post" action="{LOGOUT_PATH}"><button type="submit" class="vidi-button">'
        "Sign out</button></form>"
    )
    return f"<h1>vidi</h1>{sign_out if is_signed_in else ''}"


def cards(rows: Sequence[tuple[int, Row]], *, series: str = "", goes_on: bool = False) -> str:
    """A grid of cards, one for each (asset id, row). The page's script opens them.

    It is put below another of the same ``series`` alone; while it ``goes_on``, more is asked for.
    """
    listed = "".join(_card(asset_id, row, is_first=place < _FIRST_ROW) for place, (asset_id, row) in enumerate(rows))
    told = f'data-series="{escape(series)}"{" data-goes-on" if goes_on else ""}'
    return f'<ul class="vidi-grid" aria-label="Results" {told}>{listed}</ul>'


def _card(asset_id: int, row: Row, *, is_first: bool) -> str:
    item = escape(json.dumps(_item(asset_id, row)))
    spoken = ", ".join(_spoken(row))
    chance = f'<span class="vidi-chance" title="the chance that it fits">{escape(row.chance)}</span>'
    quote = f'<span class="vidi-quote">{escape(_quoted(row))}</span>' if row.quotes else ""
    return (
        f'<li data-asset="{asset_id}"><button type="button" class="vidi-card" data-item="{item}" '
        f'aria-label="{escape(spoken)}"><span class="vidi-frame">'
        f"{_look(asset_id, row, is_first=is_first)}{_badges(row)}</span>"
        f'<span class="vidi-caption"><span class="vidi-name">{escape(row.name)}</span>'
        f"{chance if row.is_compared else ''}</span>{quote}</button></li>"
    )


def _look(asset_id: int, row: Row, *, is_first: bool) -> str:
    if row.kind is MediaKind.SOUND:
        return _SOUND
    at = f"at={row.moment.start_seconds:.3f}&amp;" if row.moment else ""
    return (
        f'<img loading="{"eager" if is_first else "lazy"}" decoding="async" alt="" '
        f'src="/thumbnail/{asset_id}?{at}size=480">'
    )


def _quoted(row: Row) -> str:
    first = row.quotes[0]
    return f"“{first.text}”" + (f", {first.origin}" if first.origin else "")


def _spoken(row: Row) -> list[str]:
    """What a screen reader says of a card."""
    told = [row.name, *([row.chance] if row.is_compared else [])]
    if row.kind is not MediaKind.PICTURE:
        told.append(f"{row.kind.value} at {row.moment.label}" if row.moment else row.kind.value)
    return told


def _badges(row: Row) -> str:
    moment = row.moment.label if row.moment else row.kind.value
    badges = [] if row.kind is MediaKind.PICTURE else [f'<span class="vidi-moment">{escape(moment)}</span>']
    others = len(row.copies) + len(row.parts) + row.folded
    if others:
        told = f"{others} more: copies, parts of it, or near-identical pictures"
        badges.append(f'<span class="vidi-with" title="{told}">+{others}</span>')
    return "".join(badges)


def _item(asset_id: int, row: Row) -> dict[str, Any]:
    """What the page's script needs to open a row large at once; the rest it asks for."""
    return {
        "asset": asset_id,
        "kind": row.kind.value,
        "name": row.name,
        "path": row.full_path,
        "chance": row.chance if row.is_compared else "",
        "folded": row.folded,
        "why": [{"text": why.text, "start": why.start_seconds} for why in row.why],
        "tags": [{"label": tag.label, "chance": tag.chance} for tag in row.tags],
        "moments": [
            {
                "label": moment.label,
                "clock": clock(moment.start_seconds),
                "chance": moment.chance,
                "start": round(moment.start_seconds, 3),
                "end": round(moment.end_seconds, 3),
            }
            for moment in row.moments
        ],
    }


def notice(title: str, text: str = "", *, leads_to_library: bool = False) -> str:
    """A quiet block in the middle: a sentence, what to do, and perhaps the way to where it is done."""
    parts = [f'<p class="vidi-title">{escape(title)}</p>']
    if text:
        parts.append(f"<p>{escape(text)}</p>")
    if leads_to_library:
        parts.append('<p><button type="button" class="vidi-button vidi-to-library">Add a folder</button></p>')
    return f'<div class="vidi-notice">{"".join(parts)}</div>'


def caret(told: str, place: Sequence[str]) -> str:
    """What is wrong with a query, and below it the query with carets under the place."""
    shown = f"<pre>{escape(chr(10).join(place))}</pre>" if place else ""
    return f'<div class="vidi-complaint" role="alert"><p>{escape(told)}</p>{shown}</div>'


def quiet_line(text: str, read_as: str = "") -> str:
    """What stands above the gallery; ``read_as`` is how the query was read."""
    reading = f'<p class="vidi-reading">Read as: {escape(read_as)}</p>' if read_as else ""
    return f"<p>{escape(text)}</p>{reading}"


def spoken_line() -> str:
    """HTML: where the page's script tells a screen reader what an answer says. It is there before, and never redrawn:
    what comes with its own ``role="status"`` is passed over by many.
    """
    return '<p role="status"></p>'


def filter_button() -> str:
    """HTML: what shows and hides the filters where there is no room for them beside the results."""
    return (
        '<button type="button" id="vidi-filters" class="vidi-button" aria-expanded="false" '
        'aria-controls="vidi-facets">Filters</button>'
    )


def welcome(kept: Sequence[Mapping[str, str]] = ()) -> str:
    """Before the first query: what to do, and a few that can be tried by a click: those that people ``kept``, each its
    ``name``, ``line`` and ``address``, and examples.
    """
    chips = "".join(
        f'<button type="button" class="vidi-chip" data-address="{escape(each["address"])}" '
        f'title="{escape(each["line"])}">{escape(each["name"])}</button>'
        for each in kept
    )
    own = f'<p>Your searches</p><p class="vidi-chips">{chips}</p>' if kept else ""
    examples = "".join(
        f'<button type="button" class="vidi-chip" data-query="{escape(each)}">{escape(each)}</button>'
        for each in EXAMPLES
    )
    return (
        '<div class="vidi-notice"><p class="vidi-title">Describe a picture, or a moment in a video, in English.</p>'
        f'<p class="vidi-chips">{examples}</p>{own}'
        '<p class="vidi-hint">Press <kbd>/</kbd> to type, <kbd>?</kbd> for help.</p></div>'
    )
