"""What people wrote, cleaned and bounded: all words pass through here, since nothing of a file is trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable

from retrieval.types import Words

__all__ = ["CAPTION_MOST", "NAMES_MOST", "NAME_MOST", "TITLE_MOST", "make_words"]

TITLE_MOST = 1024
"""Letters of a title; what is longer is cut, here as below."""
CAPTION_MOST = 16_384
NAME_MOST = 256
"""Letters of one keyword, or of the name of a person."""
NAMES_MOST = 12_000
"""Letters of all keywords together, and of all names. With the others, an answer stays far below what passes between a
worker and its parent, even where each letter is escaped."""


def make_words(
    title: str | None = None,
    caption: str | None = None,
    rating: object = None,
    keywords: Iterable[str] = (),
    people: Iterable[str] = (),
) -> Words:
    """Words without signs that can't be shown or kept, each list without repetitions, none of them too long."""
    return Words(
        title=_line(title or "", TITLE_MOST) or None,
        caption=_paragraphs(caption or "") or None,
        rating=_rating(rating),
        keywords=_names(keywords),
        people=_names(people),
    )


def _line(text: str, most: int) -> str:
    printable = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * most])
    return " ".join(printable.split())[:most].rstrip()


def _paragraphs(text: str) -> str:
    lines = [_line(line, CAPTION_MOST) for line in text[: 4 * CAPTION_MOST].splitlines()]
    return "\n".join(line for line in lines if line)[:CAPTION_MOST].rstrip()


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    names: dict[str, str] = {}
    letters = 0
    for name in (_line(text, NAME_MOST) for text in texts):
        if name and name.casefold() not in names:
            letters += len(name)
            if letters > NAMES_MOST:
                break
            names[name.casefold()] = name
    return tuple(names.values())


def _rating(value: object) -> int | None:
    """Stars: some programs write 3 as "3.0". What lies outside -1 to 5 is another program's own scale."""
    try:
        stars = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return round(stars) if -1 <= stars <= 5 else None
