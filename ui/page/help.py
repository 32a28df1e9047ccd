"""A small help for the query language, beside the box: what can be written, each with an example to try by a click."""

from __future__ import annotations

from html import escape

__all__ = ["help_button", "help_text"]

_LINES = (
    ("beach at sunset", "describe what is to be seen, in plain words"),
    ("beach -people", "less of what follows a minus"),
    ('sunset^2 "red car"', "^ makes words count more; quotes keep them together"),
    ("kind:video dog", "only videos; also picture, sound"),
    ("after:2024-06 before:2025", "when it was taken; on:2024-12-24 for a day, a month or a year"),
    ("under:Holidays", "in folders of this name, and below"),
    ('tag:dog or tag:"red car"', "that bear a tag; fields join by and, or, not and brackets"),
    ('said:"happy birthday"', "words that are said in it; has:speech where anything is"),
    ("text:exit", "words that people wrote of it, that stand on the screen, or in its name"),
    ("camera:nikon name:IMG_12*", "a part of the camera's or the file's name; lens:, ext:jpg, person:Anna"),
    ("duration:>30s megapixels:>=12", "numbers; also width:, height:, rating:>=4, 10s..1m"),
    ("near:48.85,2.35,10km", "taken near a place; has:place where it is known, has:sound"),
)
_KEYS = (
    ("/", "to the box"),
    ("← ↑ → ↓", "through the results"),
    ("Enter", "opens"),
    ("Esc", "closes"),
    ("?", "this help"),
)


def help_button() -> str:
    """HTML: what shows and hides the help."""
    return (
        '<button type="button" id="vidi-help-toggle" aria-expanded="false" aria-controls="vidi-help-text" '
        'aria-label="How to ask" title="How to ask (?)">?</button>'
    )


def help_text() -> str:
    """HTML, hidden until it is asked for."""
    lines = "".join(
        f'<li><button type="button" class="vidi-try" data-query="{escape(query)}">{escape(query)}</button>'
        f"<span>{escape(told)}</span></li>"
        for query, told in _LINES
    )
    keys = "".join(f"<li><kbd>{escape(key)}</kbd> {escape(told)}</li>" for key, told in _KEYS)
    return (
        '<section id="vidi-help-text" class="vidi-help" aria-label="How to ask" hidden>'
        f'<ul class="vidi-help-lines">{lines}</ul><ul class="vidi-help-keys">{keys}</ul></section>'
    )
