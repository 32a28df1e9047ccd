"""What people are shown of an answer: pure functions from results to rows and sentences.

The command line and the page both draw from here, so that they say the same things in the same words.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.paths import display_of
from retrieval.search.results import Hit, Reason, SearchResult
from retrieval.store.saved_searches import SavedSearch
from retrieval.types import MediaKind
from ui.kept_searches import mark_of
from ui.wording import clock, plural, span

__all__ = [
    "NOTHING_IS_ALL",
    "MomentRow",
    "QuoteRow",
    "Row",
    "TagRow",
    "WhyRow",
    "chance",
    "goes_on",
    "headline",
    "quote_row",
    "readable",
    "result_lines",
    "rows_of",
    "saved_line",
]

NOTHING_IS_ALL = "Nothing is all of this."
"""To a filter that nothing meets."""
_FILTER = "filter"
_ALL = 0.995
_TOLD_SHARE = 0.01
_SOURCES = {
    "frames": "what is seen",
    "space": "what is seen and heard",
    "caption": "what people wrote",
    "speech": "what is said",
    "ocr": "what is written in the picture",
    "appearance": "what is seen over time",
    "motion": "what moves",
    "audio": "what is heard",
}
_OPTION_NAMES = {"tags": "tag"}


@dataclass(frozen=True, slots=True)
class MomentRow:
    """A moment of a video, ``[start_seconds, end_seconds)``."""

    label: str
    """``0:07–0:12``."""
    chance: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class QuoteRow:
    """Words that a hit was found by."""

    text: str
    origin: str
    """``said at 0:07, by a machine's transcript``; empty of what people wrote."""
    start_seconds: float | None


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag, and how sure it is."""

    label: str
    chance: str


@dataclass(frozen=True, slots=True)
class WhyRow:
    """What brought a hit to its place, with its share and its words."""

    text: str
    start_seconds: float | None
    """Where in a video the words are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One hit as it is shown."""

    path: Path
    name: str
    folder: str
    kind: MediaKind
    chance: str
    """``92 %``: the calibrated chance that it fits."""
    fits: bool
    moments: tuple[MomentRow, ...]
    """Best first; none for a picture."""
    copies: tuple[str, ...]
    """Where else the same content lies."""
    parts: tuple[str, ...] = ()
    """Names of files that belong to it."""
    quote: str | None = None
    """The words that it was found by, the strongest first."""
    quotes: tuple[QuoteRow, ...] = ()
    """All of them, each with where it is from."""
    folded: int = 0
    """How many near-identical pictures stand behind it."""
    tags: tuple[TagRow, ...] = ()
    why: tuple[WhyRow, ...] = ()
    """The greatest share first; nothing where it only meets a filter."""
    is_compared: bool = True
    """Whether its chance says something: what merely meets a filter was compared with nothing."""

    @property
    def moment(self) -> MomentRow | None:
        """The best moment; None for a picture."""
        return self.moments[0] if self.moments else None

    @property
    def full_path(self) -> str:
        """The path in its readable form."""
        return os.path.join(self.folder, self.name)


def rows_of(hits: Sequence[Hit]) -> list[Row]:
    """The rows of ``hits``, in their order."""
    return [_row(hit) for hit in hits]


def _row(hit: Hit) -> Row:
    moments = (
        MomentRow(
            span(moment.start_seconds, moment.end_seconds),
            chance(moment.score),
            moment.start_seconds,
            moment.end_seconds,
        )
        for moment in hit.moments
    )
    quotes = tuple(map(quote_row, (reason for reason in hit.why if reason.quote)))
    return Row(
        path=hit.path,
        name=readable(hit.path.name),
        folder=readable(hit.path.parent),
        kind=hit.kind,
        chance=chance(hit.score),
        fits=hit.fits,
        moments=tuple(moments),
        copies=tuple(readable(copy) for copy in hit.copies),
        parts=tuple(readable(part.name) for part in hit.parts),
        quote=quotes[0].text if quotes else None,
        quotes=quotes,
        folded=hit.folded,
        tags=tuple(TagRow(tag.label, chance(tag.score)) for tag in hit.tags),
        why=tuple(_why(reason) for reason in hit.why if reason.source != _FILTER),
        is_compared=all(reason.source != _FILTER for reason in hit.why),
    )


def _why(reason: Reason) -> WhyRow:
    source = _SOURCES.get(reason.source, reason.source)
    share = "" if reason.share > _ALL else f", {chance(reason.share)} of it"
    quote = f": “{readable(reason.quote)}”" if reason.quote else ""
    return WhyRow(f"{source}{share}{quote}", reason.start_seconds)


def quote_row(reason: Reason) -> QuoteRow:
    """What a machine heard is called so wherever it is shown."""
    at = "" if reason.start_seconds is None else f" at {clock(reason.start_seconds)}"
    origins = {"speech": f"said{at}, by a machine's transcript", "ocr": f"on the screen{at}, read by a machine"}
    return QuoteRow(reason.quote or "", origins.get(reason.source, ""), reason.start_seconds)


def _shares(hit: Hit) -> str:
    """What brought a hit to its place, where that is several things; the greatest share first."""
    parts = [reason for reason in hit.why if reason.share >= _TOLD_SHARE]
    told = (f"{_SOURCES.get(part.source, part.source)} ({chance(part.share)})" for part in parts)
    return ", ".join(told) if len(parts) > 1 else ""


def chance(score: float) -> str:
    """A chance from 0 to 1 in percent: ``92 %``; never ``0 %`` or ``100 %``, since nothing here is certain."""
    percent = round(score * 100)
    return "under 1 %" if percent < 1 else "over 99 %" if percent > 99 else f"{percent} %"


def readable(path: str | os.PathLike[str]) -> str:
    """A path in one printable line: bytes that are not UTF-8, and control characters, are shown escaped."""
    return display_of(os.fsencode(path))


def goes_on(result: SearchResult, top: int) -> bool:
    """Whether more is offered below a page of ``top``: where the ranking goes on, and half of it at least was shown.
    What doesn't fit was left out of it, and where most doesn't, hardly anything further down does."""
    return result.goes_on and len(result.hits) >= (top + 1) // 2


def headline(result: SearchResult, count: int, *, offset: int = 0, goes_on: bool = False) -> str:
    """One sentence that says what the ``count`` hits that are shown are, and how far to trust them.

    ``offset`` others came before them; with ``goes_on`` more come after them.
    """
    if result.fits and not count:
        return "No more results."
    if result.fits:
        is_compared = all(reason.source != _FILTER for reason in result.hits[0].why)
        if count == 1 and is_compared and not (offset or goes_on):
            return "1 result, with the chance that it fits."
        order = "best first, with the chance that each fits" if is_compared else "the newest first"
        return f"{_counted(count, offset, goes_on=goes_on)}, {order}."
    if count:
        return f"Nothing fits. {'This is' if count == 1 else f'These {count} are'} the nearest."
    return "Nothing fits."


def _counted(count: int, offset: int, *, goes_on: bool) -> str:
    """How many there are in all is not known where more come: all would have to be judged."""
    if offset:
        return f"Results {offset + 1:,} to {offset + count:,}" if count > 1 else f"Result {offset + 1:,}"
    if goes_on:
        return f"The first {plural(count, 'result')}" if count > 1 else "The first result"
    return plural(count, "result")


def saved_line(saved: SavedSearch) -> str:
    """A kept search in one line: its words, then its options."""
    options = {name: value for name, value in saved.asked.items() if name != "query" and value}
    shown = [
        f"--{_OPTION_NAMES.get(name, name)}{'' if value is True else f' {readable(mark_of(each))}'}"
        for name, value in options.items()
        for each in (value if isinstance(value, list) else [value])
    ]
    return " ".join([*([readable(saved.asked["query"])] if saved.asked["query"] else []), *shown])


def result_lines(result: SearchResult, *, offset: int = 0, top: int = 20, offers_nearest: bool = True) -> list[str]:
    """An answer for a terminal: the best first, one to a line, with where else it lies below it.

    It is the page of ``top`` places that begins at ``offset``. Without ``offers_nearest``, there is nothing nearer to
    ask for: a filter alone was asked, or the nearest already.
    """
    rows, has_more = rows_of(result.hits), goes_on(result, top)
    if not (rows or result.fits or offers_nearest):
        return [NOTHING_IS_ALL, *([f"Read as: {result.read_as}"] if result.read_as else []), *result.notices]
    width = max((len(row.chance) for row in rows if row.is_compared), default=0)
    told = headline(result, len(rows), offset=offset, goes_on=has_more)
    lines = [told, *([f"Read as: {result.read_as}"] if result.read_as else []), *result.notices]
    for row, hit in zip(rows, result.hits, strict=False):
        moment = f"  at {row.moment.label}" if row.moment else ""
        lines.append(f"{f'{row.chance:>{width}}  ' if row.is_compared else ''}{row.full_path}{moment}")
        lines += [f"{'':{width + 2}}also {copy}" for copy in row.copies]
        lines += [f"{'':{width + 2}}with {', '.join(row.parts)}"] if row.parts else []
        lines += [f"{'':{width + 2}}and {row.folded} like it"] if row.folded else []
        for quote in row.quotes:
            lines.append(f"{'':{width + 2}}“{readable(quote.text)}”{f' ({quote.origin})' if quote.origin else ''}")
        lines += [f"{'':{width + 2}}by {shares}"] if (shares := _shares(hit)) else []
    if has_more:
        lines.append(f"More: the same with --offset {offset + top}")
    if not rows and not result.fits:
        lines.append("Try other words, or add --anyway to see the nearest.")
    return lines
