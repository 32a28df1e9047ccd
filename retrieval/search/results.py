"""The answer to a query, and its JSON (docs/search.md): a contract that scripts depend on."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.types import MediaKind, Moment

__all__ = ["Hit", "Reason", "SearchResult", "Tag", "path_json"]

_SCORE_DIGITS = 4
_SECONDS_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Tag:
    """What ``source`` calls the thing, with its probability from 0 to 1."""

    label: str
    score: float
    source: str

    def to_json(self) -> dict[str, Any]:
        """As `vidi search --json` prints it."""
        return {"label": self.label, "score": round(self.score, _SCORE_DIGITS), "source": self.source}


@dataclass(frozen=True, slots=True)
class Reason:
    """The share that ``source`` has in a hit's rank, and the words that it rests on, if it has any.

    Sources: ``frames``, ``caption`` (people's words), ``speech`` (a machine's transcript), ``ocr`` (what is written on
    the screen), ``filter``. Words that a field asked for have a share of 0: they are quoted, and rank nothing.
    """

    source: str
    share: float
    quote: str | None = None
    start_seconds: float | None = None
    """Of the quote, if it has a time."""
    end_seconds: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As `vidi search --json` prints it."""
        return {
            "source": self.source,
            "share": round(self.share, _SCORE_DIGITS),
            "quote": self.quote,
            "start_seconds": _rounded(self.start_seconds),
            "end_seconds": _rounded(self.end_seconds),
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """An asset that was found. ``start_seconds`` and ``end_seconds`` are its best moment's, None for a picture."""

    path: Path
    copies: tuple[Path, ...]
    kind: MediaKind
    score: float
    """Calibrated chance, from 0 to 1, that it fits."""
    fits: bool
    moments: tuple[Moment, ...] = ()
    """Best first; none for a picture."""
    tags: tuple[Tag, ...] = ()
    why: tuple[Reason, ...] = ()
    parts: tuple[Path, ...] = ()
    """Files that belong to it: the raw beside a JPEG, the clip of a live photograph."""
    asset_id: int | None = None
    """Its number in the catalog."""
    folded: int = 0
    """How many near-identical pictures stand behind it."""

    @property
    def start_seconds(self) -> float | None:
        """Where the best moment begins."""
        return self.moments[0].start_seconds if self.moments else None

    @property
    def end_seconds(self) -> float | None:
        """Where the best moment has ended."""
        return self.moments[0].end_seconds if self.moments else None

    def to_json(self) -> dict[str, Any]:
        """As `vidi search --json` prints it.

        A path is its text; bytes of it that are not UTF-8 are shown as ``\\xff``, and ``path_bytes`` then holds
        the exact ones in base64, as ``copies_bytes`` does of all copies.
        """
        copies = [os.fsencode(copy) for copy in self.copies]
        exact_copies = {} if all(map(_is_utf8, copies)) else {"copies_bytes": [_base64(copy) for copy in copies]}
        return {
            **path_json(os.fsencode(self.path)),
            "copies": [_text_of(copy) for copy in copies],
            **exact_copies,
            "kind": self.kind.value,
            "score": round(self.score, _SCORE_DIGITS),
            "fits": self.fits,
            "start_seconds": _rounded(self.start_seconds),
            "end_seconds": _rounded(self.end_seconds),
            "moments": [_moment_json(moment) for moment in self.moments],
            "tags": [tag.to_json() for tag in self.tags],
            "why": [reason.to_json() for reason in self.why],
            "parts": [path_json(os.fsencode(part)) for part in self.parts],
            "folded": self.folded,
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer: ``hits`` of the page that was asked for, best first, and whether anything ``fits`` at all."""

    query: str
    space: str
    fits: bool
    hits: tuple[Hit, ...]
    notices: tuple[str, ...] = ()
    """Plain lines about what of the query could not count."""
    read_as: str | None = None
    """How the query was read; None where it is plain words."""
    as_of: str | None = None
    """The state of the library that was searched: with it the next pages are of the same."""
    goes_on: bool = False
    """Whether the ranking goes on below this page: whether anything there fits is not known before it is asked for."""

    def to_json(self) -> dict[str, Any]:
        """As `vidi search --json` prints it."""
        return {
            "query": self.query,
            "space": self.space,
            "fits": self.fits,
            "hits": [hit.to_json() for hit in self.hits],
            "notices": list(self.notices),
            "read_as": self.read_as,
            "as_of": self.as_of,
            "goes_on": self.goes_on,
        }


def path_json(raw: bytes) -> dict[str, str]:
    """``path``, the text, and where that is not exact, ``path_bytes``."""
    return {"path": _text_of(raw)} | ({} if _is_utf8(raw) else {"path_bytes": _base64(raw)})


def _text_of(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _SECONDS_DIGITS)


def _moment_json(moment: Moment) -> dict[str, Any]:
    return {
        "start_seconds": _rounded(moment.start_seconds),
        "end_seconds": _rounded(moment.end_seconds),
        "score": round(moment.score, _SCORE_DIGITS),
    }
