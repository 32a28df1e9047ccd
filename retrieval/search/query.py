"""What is asked: a frozen value that checks itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from retrieval.errors import QueryError
from retrieval.search.snapshot import Snapshot
from retrieval.store.file_filter import EVERYTHING, AddedBy, FileFilter, all_of

__all__ = ["LETTERS_MOST", "By", "Example", "Query", "Term", "check_text"]

LETTERS_MOST = 100_000
"""A longer text is refused before a tokenizer spends minutes on it; no text tower reads even a hundredth of it."""


class By(StrEnum):
    """By which evidence hits are ranked: the frames as the space sees them, what is said, what is written (by people or
    on the screen), or all of it (fused)."""

    FUSED = "fused"
    SPACE = "space"
    FRAMES = "frames"
    SPEECH = "speech"
    TEXT = "text"

    @property
    def is_of_words(self) -> bool:
        """Whether words alone rank."""
        return self in (By.SPEECH, By.TEXT)

    @classmethod
    def parse(cls, name: str) -> By:
        """The evidence called ``name``.

        Raises:
            QueryError: there is none of that name.
        """
        try:
            return cls(name)
        except ValueError as error:
            raise QueryError(f"can't rank by {name!r}; expected {', '.join(cls)}") from error


@dataclass(frozen=True, slots=True)
class Term:
    """Words with a weight; 1 is as much as without."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Example:
    """A content of the library by its id, or a file by its path; of a video perhaps the moment at ``seconds``."""

    of: int | Path
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A text, pictures, or both; what may be shown; and which page of the answer. A filter alone asks for all it lets.

    Raises:
        QueryError: it asks for nothing, for too much, or for a page that can't be.
    """

    text: str = ""
    images: tuple[Path, ...] = ()
    """Pictures to find more like; with a text, both count alike."""
    wanted: FileFilter = EVERYTHING
    space: str | None = None
    """None: the library's own."""
    by: By = By.FUSED
    top: int = 20
    offset: int = 0
    anyway: bool = False
    """Show the nearest even if they don't fit."""
    phrases: tuple[str, ...] = ()
    """Words of the text that people's words must hold in their order."""
    stressed: tuple[Term, ...] = ()
    """Words of the text that count more or less than the others."""
    against: tuple[Term, ...] = ()
    """What is not to be seen."""
    like: tuple[Example, ...] = ()
    """More like these."""
    unlike: tuple[Example, ...] = ()
    """Less like these, which are not shown themselves."""
    unfolded: bool = False
    """Show near-identical pictures each for itself."""
    as_of: Snapshot | None = None
    """Only what the library held then; None: all that it holds now."""

    def __post_init__(self) -> None:
        if not self.has_meaning and not self.wanted:
            raise QueryError('the query is empty; describe what to find, such as "a dog on a beach", or give an image')
        if self.by.is_of_words and self.has_meaning and (self.images or self.like or not self.text.strip()):
            raise QueryError(f"{self.by.value} is searched by words alone; leave the picture out, or rank by fused")
        check_text(self.text)
        if self.top < 1:
            raise QueryError(f"top is {self.top}, expected at least 1")
        if self.offset < 0:
            raise QueryError(f"offset is {self.offset}, expected 0 or more")

    @property
    def has_meaning(self) -> bool:
        """Whether it says what is to be seen, or not to be seen."""
        return bool(self.text.strip() or self.images or self.against or self.like or self.unlike)

    @property
    def allowed(self) -> FileFilter:
        """What may be shown: what is wanted, of what the library held then."""
        return self.wanted if self.as_of is None else all_of(self.wanted, AddedBy(self.as_of.asset_id))

    @property
    def newest_asset(self) -> int | None:
        """The greatest id of a content that may be shown; None where all may."""
        return None if self.as_of is None else self.as_of.asset_id


def check_text(text: str) -> None:
    """See that ``text`` can be read.

    Raises:
        QueryError: it is too long, or no text.
    """
    if len(text) > LETTERS_MOST:
        raise QueryError(f"the query has {len(text):,} letters; describe what to find in a sentence")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError("the query holds bytes that are not UTF-8; type it again") from error
