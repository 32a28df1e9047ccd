"""What the page says to a query: a value for Gradio to show. It knows the library, and nothing of Gradio."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import shorten
from typing import Any, Protocol

from sqlalchemy import exists, select

from retrieval.errors import QueryError, VidiError
from retrieval.search.facets import Facets
from retrieval.search.reading import read_query
from retrieval.search.results import SearchResult
from retrieval.store.catalog import Catalog
from retrieval.store.looks import FileState, file_state
from retrieval.store.schema import File
from ui.page.facets import facets_markup
from ui.page.files import CatalogFiles
from ui.page.likes import Like, Likes
from ui.page.markup import cards, caret, notice, welcome
from ui.page.saved import SavedOnPage
from ui.presentation import NOTHING_IS_ALL, goes_on, headline, rows_of
from ui.wording import clock

__all__ = ["PAGE_SIZE", "PICTURES_MOST", "Answer", "Answers", "Question", "Searches"]

PAGE_SIZE = 24
PICTURES_MOST = 4
"""Of one question, as the programming interface has it."""
_QUOTED_LETTERS = 120
_PERSONS_WORD = re.compile(r"\S*[:^]")
_log = logging.getLogger(__name__)


class Searches(Protocol):
    """What the page needs of a library."""

    def search(
        self,
        query: str = "",
        *,
        image: Sequence[Path] = (),
        like: Sequence[Like] = (),
        unlike: Sequence[Like] = (),
        unfolded: bool = False,
        under: Path | None = None,
        top: int = PAGE_SIZE,
        offset: int = 0,
        anyway: bool = False,
        as_of: str | None = None,
    ) -> SearchResult:
        """As :meth:`retrieval.library.Library.search`."""

    def facets(self, query: str = "") -> Facets:
        """As :meth:`retrieval.library.Library.facets`."""

    @property
    def default_space(self) -> str:
        """As :attr:`retrieval.library.Library.default_space`."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asks of the page."""

    text: str = ""
    """In the query language."""
    images: tuple[Path, ...] = ()
    """Pictures, as many as :data:`PICTURES_MOST`."""
    likes: Likes = field(default_factory=Likes)
    offset: int = 0
    anyway: bool = False
    """Show the nearest though nothing fits."""
    as_of: str | None = None
    """Of the first page, so that those that follow go on from it while indexing goes on."""
    series: str = ""
    """Of the first page and those that follow it; another answer has another."""

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing yet."""
        return not (self.text.strip() or self.images or self.likes)

    def next_page(self, answer: Answer) -> Question:
        """The same, further on than ``answer``; this one again, where that is none."""
        if answer.as_of is None:
            return self
        return replace(self, offset=self.offset + PAGE_SIZE, as_of=answer.as_of)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the page shows. All but ``gallery`` and ``complaint`` is text."""

    line: str
    """One plain sentence above the gallery; it may be empty."""
    gallery: str | None
    """HTML; None leaves what is there, while a query is half typed."""
    read_as: str = ""
    complaint: str = ""
    """HTML: what is wrong with the query, and where."""
    offers_nearest: bool = False
    as_of: str | None = None


class Answers:
    """Answers questions over one library. Safe to share between threads."""

    def __init__(self, library: Searches, catalog: Catalog) -> None:
        self._library = library
        self._catalog = catalog
        self._files = CatalogFiles(catalog)
        self._kept = SavedOnPage(catalog)

    def answer(self, question: Question) -> Answer:
        """The answer; a failure too becomes a plain sentence, never an exception."""
        try:
            return self._answer(question)
        except QueryError as error:
            told, *place = _without_folder(str(error), question.images).split("\n")
            return Answer("", None, complaint=caret(_sentence(told), [line[2:] for line in place]))
        except VidiError as error:
            return Answer("", notice("That can't be answered.", _sentence(str(error))))
        except Exception as error:  # noqa: BLE001 the page's last border: a person sees words, the terminal the cause
            _log.error("a search failed: %s: %s", type(error).__name__, error)
            return Answer("", notice("That went wrong.", "The terminal in which vidi runs says more."))

    def moments(self, asset_id: int, query: str) -> list[dict[str, Any]] | None:
        """Where in a video the words of ``query`` fit best, however badly: the best first. None if it is gone.

        Raises:
            QueryError: the query has no words, or can't be read.
        """
        words = read_query(query).text.strip()
        if not words:
            raise QueryError("no words were asked for; describe what to find in this video")
        path = self._files.path_of(asset_id)
        if path is None:
            return None
        found = self._library.search(words, under=Path(os.fsdecode(path)), top=1, anyway=True)
        rows = rows_of(found.hits[:1])
        return [
            {"label": moment.label, "clock": clock(moment.start_seconds), "chance": moment.chance,
             "start": round(moment.start_seconds, 3), "end": round(moment.end_seconds, 3)}
            for row in rows
            for moment in row.moments
        ]  # fmt: skip

    def facets(self, question: Question) -> str:
        """HTML: what the query can be narrowed by; nothing where it can't be counted."""
        try:
            return facets_markup(question.text, self._library.facets(question.text).facets)
        except VidiError:
            return ""  # the answer itself says what is wrong
        except Exception as error:  # noqa: BLE001 as above
            _log.error("counting failed: %s: %s", type(error).__name__, error)
            return ""

    def _answer(self, question: Question) -> Answer:
        if len(question.images) > PICTURES_MOST:
            raise QueryError(f"expected at most {PICTURES_MOST} pictures, got {len(question.images)}; take some out")
        if question.is_empty:
            return Answer("", welcome(self._kept.all()) if self._has_contents() else self._nothing_indexed())
        if question.likes.more:
            # Few pictures are as near to one as what fits its description: the nearest are what is asked for here.
            question = replace(question, anyway=True)
        try:
            result = self._library.search(
                question.text,
                image=question.images,
                like=question.likes.more,
                unlike=question.likes.less,
                unfolded=question.likes.unfolded,
                top=PAGE_SIZE,
                offset=question.offset,
                anyway=question.anyway,
                as_of=question.as_of,
            )
        except VidiError:
            if not self._has_contents():
                return Answer("", self._nothing_indexed())
            raise
        if not result.hits and not question.offset:
            return _nothing_fits(result, question)
        rows = zip(result.hits, rows_of(result.hits), strict=True)
        shown = [(hit.asset_id, row) for hit, row in rows if hit.asset_id is not None]
        offers_more = goes_on(result, PAGE_SIZE)
        told = headline(result, len(shown), offset=question.offset, goes_on=offers_more)
        line = " ".join([told, *map(_sentence, result.notices)])
        read_as = result.read_as or ""
        gallery = cards(shown, series=question.series, goes_on=offers_more)
        return Answer(line, gallery, read_as=read_as, as_of=result.as_of)

    def _has_contents(self) -> bool:
        """Whether any file is indexed: nothing is counted, which would take seconds in a large library."""
        with self._catalog.engine.connect() as connection:
            return bool(connection.scalar(select(exists().where(File.asset_id.is_not(None), File.present))))

    def _nothing_indexed(self) -> str:
        with self._catalog.engine.connect() as connection:
            is_waiting = connection.scalar(select(exists().where(file_state() == FileState.WAITING.value)))
        if is_waiting:
            return notice("Indexing has begun.", "The first pictures can be searched in a moment: ask again.")
        return notice("Nothing is indexed yet.", "Add a folder of pictures, videos or sounds.", leads_to_library=True)


def _nothing_fits(result: SearchResult, question: Question) -> Answer:
    reading, read_as = read_query(question.text), result.read_as or ""
    is_filter_alone = not (reading.text.strip() or reading.against or question.images or question.likes)
    words = shorten(reading.text.strip() or question.text, _QUOTED_LETTERS, placeholder=" …")
    pictures = {0: "", 1: "that picture"}.get(len(question.images), "those pictures")
    asked = " with ".join(filter(None, [f"“{words}”" if words else "", pictures])) or "that"
    told = NOTHING_IS_ALL if is_filter_alone else f"Nothing of yours seems to show {asked}."
    text = " ".join([told, *map(_sentence, result.notices)])
    if is_filter_alone or question.anyway:
        return Answer("", notice("No results.", text), read_as=read_as)
    return Answer("", notice("Nothing fits well.", text), read_as=read_as, offers_nearest=True)


def _without_folder(line: str, pictures: Sequence[Path]) -> str:
    """Where the server keeps a picture that was dropped into the page is nobody's business."""
    for picture in pictures:
        line = line.replace(str(picture), picture.name)
    return line


def _sentence(line: str) -> str:
    """A line of the library as a sentence. What a person wrote stays as it is: ``duration:>3s is read as words``."""
    begun = line if _PERSONS_WORD.match(line) else line[:1].upper() + line[1:]
    return begun + ("" if line.endswith((".", "!", "?")) else ".")
