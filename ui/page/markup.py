"""Rows as HTML. Every word that comes from a file or a person is escaped here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from retrieval.store.census import Census
from retrieval.types import MediaKind
from ui.presentation import Row
from ui.wording import clock, plural

__all__ = ["EXAMPLES", "cards", "footer", "notice", "welcome"]

EXAMPLES = ("a dog running", "people at a table", "a city at night", "flowers")


def cards(rows: Sequence[tuple[int, Row]]) -> str:
    """A grid of cards, one for each (asset id, row). page.js opens them."""
    return f'<ul class="vidi-grid">{"".join(_card(asset_id, row) for asset_id, row in rows)}</ul>'


def _card(asset_id: int, row: Row) -> str:
    at = f"at={row.moment.start_seconds:.3f}&" if row.moment else ""
    item = escape(json.dumps(_item(asset_id, row)))
    moment = f'<span class="vidi-moment">{escape(row.moment.label)}</span>' if row.moment else ""
    spoken = escape(f"{row.name}, {row.chance}" + (f", video at {row.moment.label}" if row.moment else ""))
    return (
        f'<li><button type="button" class="vidi-card" data-item="{item}" aria-label="{spoken}">'
        f'<span class="vidi-frame"><img loading="lazy" alt="" src="/thumbnail/{asset_id}?{at}size=480">{moment}</span>'
        f'<span class="vidi-caption"><span class="vidi-name">{escape(row.name)}</span>'
        f'<span class="vidi-chance" title="the chance that it fits">{escape(row.chance)}</span></span>'
        "</button></li>"
    )


def _item(asset_id: int, row: Row) -> dict[str, Any]:
    """What page.js needs to open a row large."""
    return {
        "asset": asset_id,
        "video": row.kind is MediaKind.VIDEO,
        "name": row.name,
        "path": row.full_path,
        "copies": row.copies,
        "chance": row.chance,
        "moments": [
            {
                "label": moment.label,
                "clock": clock(moment.start_seconds),
                "chance": moment.chance,
                "start": round(moment.start_seconds, 3),
            }
            for moment in row.moments
        ],
    }


def notice(title: str, text: str = "", code: str = "") -> str:
    """A quiet block in the middle: a sentence, what to do, and what to type."""
    parts = [f'<p class="vidi-title">{escape(title)}</p>']
    if text:
        parts.append(f"<p>{escape(text)}</p>")
    if code:
        parts.append(f"<p><code>{escape(code)}</code></p>")
    return f'<div class="vidi-notice">{"".join(parts)}</div>'


def welcome() -> str:
    """Before the first query: what to do, and a few that can be tried by a click."""
    chips = "".join(f'<button type="button" class="vidi-chip">{escape(example)}</button>' for example in EXAMPLES)
    return (
        '<div class="vidi-notice"><p class="vidi-title">Describe a picture, or a moment in a video, in English.</p>'
        f'<p class="vidi-chips">{chips}</p></div>'
    )


def footer(census: Census, languages: Sequence[str], space: str | None = None) -> str:
    """What is indexed now, and what the ``space`` in which it is searched understands."""
    counts = [
        plural(census.assets[kind], kind.value) for kind in (MediaKind.PICTURE, MediaKind.VIDEO) if census.assets[kind]
    ]
    facts = [" and ".join(counts) + " indexed"] if counts else []
    if census.files_waiting:
        facts.append(f"{plural(census.files_waiting, 'file')} waiting to be indexed")
    if space is not None:
        facts.append(f"space {space}")
    if tuple(languages) == ("en",):
        facts.append("understands English")
    facts.append("nothing leaves this machine")
    return f'<p class="vidi-footer">{escape(" · ".join(facts))}</p>'
