"""All that words tell of a query, by people, in speech and on the screen: what is ranked by it, and what is quoted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from retrieval.search.candidates import Candidates
from retrieval.search.captions import Captions
from retrieval.search.fusion import JOINED_MOST, Ranked, Ranking
from retrieval.search.query import By, Query
from retrieval.search.results import Reason
from retrieval.search.timed_words import EmbedSentences, OnScreen, Speech
from retrieval.store.catalog import Catalog
from retrieval.store.file_filter import AllOf, AnyOf, FileFilter, Not, Says, Spoken, without_not
from retrieval.store.lookup import Lookup
from retrieval.store.text_lookup import TextLookup
from retrieval.store.timed_text_index import Quote
from retrieval.types import Moment

__all__ = ["FRAMES", "WordEvidence"]

FRAMES = "frames"
LIFT = 3.0
"""How far an asset whose words hold all of the query's is moved up, in standard deviations of the scores of the best
200; one that holds a part of them, that part as far. Chosen in trials (docs/search.md)."""


class WordEvidence:
    """Finds assets by words, and quotes them. Safe to share between threads."""

    def __init__(
        self, catalog: Catalog, lookup: Lookup, embed_sentences: EmbedSentences, notice: Callable[[str], None]
    ) -> None:
        texts = TextLookup(catalog, notice)
        self._captions = Captions(lookup, texts)
        self._on_screen = OnScreen(lookup, texts)
        self._speech = Speech(catalog, lookup, texts, embed_sentences, notice)

    def find(self, query: Query, most: int) -> list[Ranking]:
        """What words alone find, the best ``most`` of each kind for itself; nothing where none do. Pictures as queries
        have no words."""
        if not _has_words_alone(query):
            return []
        found: list[Ranking] = []
        if query.by in (By.FUSED, By.TEXT):
            found += self._captions.find(query, most)
        if query.by in (By.FUSED, By.SPEECH):
            found += self._speech.find(query, most)
        if query.by in (By.FUSED, By.TEXT):
            found += self._on_screen.find(query, most)
        return found

    def lifted(self, query: Query, found: Candidates) -> Ranking:
        """What the frames found, with the first 200 moved up by the share of the query's words that people's hold."""
        assets, few = list(found.assets), list(found.assets[:JOINED_MOST])
        lifts: dict[int, float] = {}
        if self.may_lift(query) and len(few) > 1:
            scores = found.scores[: len(few)]
            spread = LIFT * float(scores.std())
            lifts = {key: spread * share for key, share in self._captions.shares(query, few).items()}
            by_id = {asset.id: float(score) for asset, score in zip(few, scores, strict=True)}
            few.sort(key=lambda asset: -(by_id[asset.id] + lifts.get(asset.id, 0.0)))  # stable
            lifts = {key: lift / (lift + max(by_id[key], 0.0)) for key, lift in lifts.items() if lift > 0}
        return Ranking(FRAMES, [*few, *assets[JOINED_MOST:]], {}, owed={self._captions.source: lifts})

    def may_lift(self, query: Query) -> bool:
        """Whether people's words may move what the frames found."""
        return query.by is By.FUSED and _has_words_alone(query) and self._captions.any()

    def nearest(self, query: Query, most: int, fits_from: float) -> list[Ranking]:
        """The ``most`` that words alone come nearest to, though they need not fit; for queries that are ranked by words
        alone."""
        match query.by:
            case By.TEXT:
                return self._captions.nearest(query, most, fits_from)
            case By.SPEECH:
                return self._speech.nearest(query, most)
            case _:
                return []

    def quoted(self, query: Query, page: Sequence[Ranked]) -> Iterator[Ranked]:
        """The page, with the words that its places rest on or that its fields asked for, and when they are said."""
        quotes: dict[str, dict[int, list[Quote]]] = {}
        for kind in (self._captions, self._speech, self._on_screen):
            ids = [each.asset.id for each in page if any(reason.source == kind.source for reason in each.why)]
            quotes[kind.source] = kind.quotes(query, ids) if ids else {}
        asked = self._asked_quotes(query.wanted, [each.asset.id for each in page])
        for each in page:
            yield _quoted(each, {source: found.get(each.asset.id, []) for source, found in quotes.items()}, asked)

    def _asked_quotes(self, wanted: FileFilter, asset_ids: Sequence[int]) -> dict[str, dict[int, list[Quote]]]:
        """By source: what fields such as said: asked for, if they did not ask for its absence."""
        found: dict[str, dict[int, list[Quote]]] = {}
        for leaf in _asserted(without_not(wanted)):
            kind = self._speech if isinstance(leaf, Spoken) else self._on_screen
            if isinstance(leaf, Spoken | Says):
                by_asset = found.setdefault(kind.source, {})
                for asset_id, quotes in kind.asked_quotes(leaf.words, asset_ids).items():
                    by_asset.setdefault(asset_id, []).extend(quotes)
        return found


def _has_words_alone(query: Query) -> bool:
    return bool(query.text.strip()) and not (query.images or query.like)


def _asserted(wanted: FileFilter) -> Iterator[FileFilter]:
    """The conditions of a filter whose nots stand at its leaves, without those under a not."""
    match wanted:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _asserted(part)
        case Not():
            return
        case _:
            yield wanted


def _quoted(
    ranked: Ranked, quotes: Mapping[str, Sequence[Quote]], asked: Mapping[str, Mapping[int, Sequence[Quote]]]
) -> Ranked:
    """With its quotes: what a field asked for first, which has no share in the place."""
    here = {source: found[ranked.asset.id] for source, found in asked.items() if ranked.asset.id in found}
    why = [_with_quote(reason, here.get(reason.source) or quotes.get(reason.source, ())) for reason in ranked.why]
    known = {reason.source for reason in why}
    why += [_with_quote(Reason(source, 0.0), found) for source, found in here.items() if source not in known]
    places = [quote for found in here.values() for quote in found]
    places += [quote for found in quotes.values() for quote in found]
    moments = (
        Moment(quote.start_seconds, quote.end_seconds, ranked.chance)
        for quote in places
        if quote.start_seconds is not None and quote.end_seconds is not None
    )
    return replace(ranked, why=tuple(why), moments=tuple(dict.fromkeys(moments)))


def _with_quote(reason: Reason, quotes: Sequence[Quote]) -> Reason:
    if not quotes:
        return reason
    (first, *_) = quotes
    return replace(reason, quote=first.text, start_seconds=first.start_seconds, end_seconds=first.end_seconds)
