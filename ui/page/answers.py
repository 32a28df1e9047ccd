"""What the page says to a query: a value for Gradio to show. It knows the library, and nothing of Gradio."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Protocol

from retrieval.errors import VidiError
from retrieval.search.results import SearchResult
from retrieval.spaces.registry import get_space
from retrieval.store.catalog import Catalog
from retrieval.store.census import Census, take_census
from retrieval.types import MediaKind
from ui.page.files import CatalogFiles
from ui.page.markup import cards, footer, notice, welcome
from ui.presentation import headline, rows_of

__all__ = ["PAGE_SIZE", "Answer", "Answers", "Question", "Searches"]

PAGE_SIZE = 24
_QUOTED_LETTERS = 120
_INDEX_COMMAND = "vidi index ~/Pictures"
_log = logging.getLogger(__name__)


class Searches(Protocol):
    """What the page needs of a library."""

    def search(self, query: str, *, image: Path | None, kind: str | None, top: int, anyway: bool) -> SearchResult:
        """As :meth:`retrieval.library.Library.search`."""

    @property
    def default_space(self) -> str:
        """As :attr:`retrieval.library.Library.default_space`."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks of the page."""

    text: str = ""
    image: Path | None = None
    kind: str | None = None
    """``picture``, ``video``, or None for all."""
    top: int = PAGE_SIZE
    anyway: bool = False
    """Show the nearest though nothing fits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page shows."""

    line: str
    """One plain sentence above the gallery; it may be empty."""
    gallery: str
    """HTML."""
    offers_nearest: bool = False
    offers_more: bool = False


class Answers:
    """Answers questions over one library. Safe to share between threads."""

    def __init__(self, library: Searches, catalog: Catalog) -> None:
        self._library = library
        self._catalog = catalog
        self._files = CatalogFiles(catalog)

    def answer(self, question: Question) -> Answer:
        """The answer; a failure too becomes a plain sentence, never an exception."""
        try:
            return self._answer(question)
        except VidiError as error:
            told = str(error).partition("\n")[0]  # the place that a terminal shows below it needs letters of one width
            return Answer("", notice("That can't be answered.", _sentence(told)))
        except Exception as error:  # noqa: BLE001 the page's last border: a person sees words, the terminal the cause
            _log.error("a search failed: %s: %s", type(error).__name__, error)
            return Answer("", notice("That went wrong.", "The terminal in which vidi runs says more."))

    def footer(self) -> str:
        """HTML: what is indexed now, and what the space understands."""
        try:
            census = take_census(self._catalog)
            searched = self._library.default_space if census.spaces else None
            languages = get_space(searched).languages if searched else ()
            return footer(census, languages, searched)
        except Exception as error:  # noqa: BLE001 as above
            _log.error("counting failed: %s: %s", type(error).__name__, error)
            return ""

    def _answer(self, question: Question) -> Answer:
        if _searchable(census := take_census(self._catalog)) == 0:
            return Answer("", _nothing_indexed(census))
        if not question.text.strip() and question.image is None:
            return Answer("", welcome())
        # One more than is shown tells whether there are more.
        result = self._library.search(
            question.text, image=question.image, kind=question.kind, top=question.top + 1, anyway=question.anyway
        )
        if not result.hits:
            return _nothing_fits(result, question)
        rows = rows_of(result.hits[: question.top])
        ids = self._files.asset_ids([row.path for row in rows])
        shown = [(ids[row.path], row) for row in rows if row.path in ids]
        line = " ".join([headline(result, len(shown)), *map(_sentence, result.notices)])
        return Answer(line, cards(shown), offers_more=len(result.hits) > question.top)


def _searchable(census: Census) -> int:
    return census.assets[MediaKind.PICTURE] + census.assets[MediaKind.VIDEO]


def _nothing_indexed(census: Census) -> str:
    if census.files_waiting:
        return notice("Indexing has begun.", "The first pictures can be searched in a moment: ask again.")
    if census.assets[MediaKind.SOUND]:
        return notice(
            "No pictures or videos are indexed yet.",
            "Sounds are listed, but can't be searched yet. In a terminal, index a folder of pictures:",
            _INDEX_COMMAND,
        )
    return notice("Nothing is indexed yet.", "In a terminal, index a folder of pictures and videos:", _INDEX_COMMAND)


def _nothing_fits(result: SearchResult, question: Question) -> Answer:
    wanted = {"picture": "pictures", "video": "videos"}.get(question.kind or "", "pictures and videos")
    words = shorten(question.text, _QUOTED_LETTERS, placeholder=" …")
    asked = f"“{words}”" if words else "that picture"
    text = " ".join([f"None of your {wanted} seem to show {asked}.", *map(_sentence, result.notices)])
    return Answer("", notice("Nothing fits.", text), offers_nearest=not question.anyway)


def _sentence(line: str) -> str:
    """A line of the library as a sentence."""
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "!", "?")) else ".")
