"""Why a video or sound is found for a text: which expert carries its best window, and the words that it rests on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.errors import QueryError
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.search.default_space import default_space
from retrieval.search.open_spaces import OpenSpace, OpenSpaces
from retrieval.search.query import Query
from retrieval.search.timed_words import EmbedSentences, OnScreen, Speech
from retrieval.spaces.mmt import MmtSpace, TermShare
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import Notice
from retrieval.store.lookup import AssetSegments, Lookup
from retrieval.store.text_lookup import TextLookup
from retrieval.store.timed_text_index import Quote
from retrieval.types import Span

__all__ = ["ExpertsWhy", "explain_experts"]


@dataclass(frozen=True, slots=True)
class ExpertsWhy:
    """The best window of a video or sound, taken apart."""

    space: str
    score: float
    """The inner product of text and window."""
    window: Span
    terms: tuple[TermShare, ...]
    """Those that the window knows, the largest share first. They sum to the score."""
    quotes: Mapping[str, Quote]
    """By expert: the words of the file, said or written, that come nearest to the text."""

    def to_json(self) -> dict[str, Any]:
        """As `vidi why --json` prints it."""
        return {
            "space": self.space,
            "score": round(self.score, 4),
            "start_seconds": self.window.start_seconds,
            "end_seconds": self.window.end_seconds,
            "terms": [_term_json(term, self.quotes.get(term.expert)) for term in self.terms],
        }


def _term_json(term: TermShare, quote: Quote | None) -> dict[str, Any]:
    return {
        "term": term.term,
        "expert": term.expert,
        "weight": round(term.weight, 4),
        "agreement": round(term.agreement, 4),
        "share": round(term.share, 4),
        "quote": quote and quote.text,
        "quote_start_seconds": quote and quote.start_seconds,
    }


def explain_experts(
    catalog: Catalog,
    path: Path,
    text: str,
    space: str | None = None,
    *,
    at_seconds: float | None = None,
    spaces: Callable[[str], Space] = get_space,
    embed_sentences: EmbedSentences | None = None,
    notice: Notice = lambda line: None,
) -> ExpertsWhy | None:
    """What each expert adds to the score of the file at ``path`` for ``text``, in the window that fits best.

    Windows are those that the library keeps: no file is opened. ``space`` is one of windows, by default the one that a
    search joins. With ``at_seconds`` only windows that hold that time are looked at. None where the library has no
    windows of the file, or ``space`` is none of windows.

    Raises:
        QueryError: no window holds that time.
        LibraryError: the library can't be read, or was indexed by another version of the space.
        ModelError: the space is unknown, absent or damaged.
    """
    lookup = Lookup(catalog)
    asset_id = lookup.asset_at(os.fsencode(os.path.abspath(path)))
    opened = None if asset_id is None else _windows(catalog, space, spaces, notice)
    own = None if opened is None or asset_id is None else lookup.segments(opened.row, [asset_id]).get(asset_id)
    if opened is None or own is None or own.times is None or asset_id is None:
        return None
    assert isinstance(opened.space, MmtSpace)
    window, vector = _best(own, opened.space, text, path, at_seconds)
    (told,) = opened.space.explain(text, vector[None])
    terms = tuple(term for term in told if term.agreement)
    texts = TextLookup(catalog, notice)
    kinds = (Speech(catalog, lookup, texts, embed_sentences or _encode, notice), OnScreen(lookup, texts))
    found = {kind.source: kind.quotes(Query(text), [asset_id]).get(asset_id) for kind in kinds}
    quotes = {source: places[0] for source, places in found.items() if places}
    return ExpertsWhy(opened.space.name, sum(term.share for term in told), window, terms, quotes)


def _encode(texts: Sequence[str]) -> Any:
    return SentenceEncoder.load().encode(texts)


def _windows(catalog: Catalog, name: str | None, spaces: Callable[[str], Space], notice: Notice) -> OpenSpace | None:
    open_spaces = OpenSpaces(catalog, spaces, notice)
    if name is None:
        return open_spaces.windows_over(default_space(catalog))
    return open_spaces.open(name) if isinstance(spaces(name), MmtSpace) else None


def _best(
    own: AssetSegments, space: MmtSpace, text: str, path: Path, at_seconds: float | None
) -> tuple[Span, np.ndarray[Any, Any]]:
    """The window that fits best, and its vector."""
    assert own.times is not None
    scores = own.vectors @ space.embed_text([text])[0]
    if at_seconds is not None:
        holds = (own.times[:, 0] <= at_seconds) & (at_seconds < own.times[:, 1])
        if not holds.any():
            raise QueryError(f"{path} has nothing at {at_seconds:g} s; expected a time within it")
        scores = np.where(holds, scores, -np.inf)
    row = int(scores.argmax())
    return Span(float(own.times[row, 0]), float(own.times[row, 1])), own.vectors[row]
