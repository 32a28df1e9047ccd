"""What people wrote as evidence: titles, captions, keywords and names join the frames by reciprocal rank.

Cormack, Clarke and Buettcher, 2009: reciprocal rank fusion, with their constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from retrieval.search.query import By, Query
from retrieval.search.results import Reason
from retrieval.store.catalog import Catalog
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.text_lookup import TextLookup

__all__ = ["JOINED_MOST", "Captions", "Ranked", "content_words", "join"]

SAID_CHANCE = 0.95
"""That a hit fits whose words hold all of the query's: a plain rule, not measured."""
JOINED_MOST = 200
"""Ranks by frames that count beside the words, and at most so many assets join by their words alone: what stands
further down moves little (1/260 against 1/61), and pages stay the same however far one turns them."""
RANK_CONSTANT = 60
WORDS_MOST = 32
_IDS_PER_LOOK = 500
_FUNCTION_WORDS = frozenset(
    {
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "by",
        "with",
        "without",
        "into",
        "onto",
    }
    | {"is", "are", "was", "were", "be", "it", "its", "this", "that", "these", "those", "some", "any", "over", "under"}
    | {"his", "her", "their", "my", "our", "your", "as", "near", "photo", "photos", "picture", "pictures", "video"}
)
"""Words that a caption need not hold: they say how the others go together, or what every asset is."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """An asset in its place, the chance that it fits, and what brought it there."""

    asset: LiveAsset
    chance: float
    why: tuple[Reason, ...]


def content_words(text: str) -> list[str]:
    """The words of a query that its finds must hold; all of them where it has no others. At most 32."""
    words = list(dict.fromkeys(word.casefold() for word in text.split() if any(map(str.isalnum, word))))
    telling = [word for word in words if word.strip(".,;:!?\"'()") not in _FUNCTION_WORDS]
    return (telling or words)[:WORDS_MOST]


def _sought(query: Query) -> list[str]:
    """The words that finds must hold, and the phrases, which are words of several."""
    return [*content_words(query.text), *query.phrases][:WORDS_MOST]


class Captions:
    """Finds assets by what people wrote. Safe to share between threads."""

    def __init__(self, catalog: Catalog, lookup: Lookup, notice: Callable[[str], None]) -> None:
        self._lookup = lookup
        self._texts = TextLookup(catalog, notice)

    def find(self, query: Query) -> list[LiveAsset]:
        """The best 200 (by the text alone, the page) that may be shown and whose words hold all of the query's."""
        if query.images or query.by not in (By.FUSED, By.TEXT):
            return []
        most = JOINED_MOST if query.by is By.FUSED else query.offset + query.top
        if not (words := _sought(query)):
            return []
        barred = {key for term in query.against for key in self._texts.holding_all(content_words(term.text))}
        return self._live([key for key in self._texts.holding_all(words) if key not in barred], query, most)

    def ranked(self, query: Query, fits_from: float) -> list[Ranked]:
        """By the words alone: those that hold all of them fit; if asked for, then those that hold some."""
        chance = max(SAID_CHANCE, fits_from)
        found = [Ranked(asset, chance, (Reason("caption", 1.0),)) for asset in self.find(query)]
        if query.anyway:
            shares = dict(self._texts.holding_some(_sought(query)))
            some = self._live(list(shares), query, query.offset + query.top)
            found += [
                Ranked(asset, shares[asset.id] * min(fits_from, 0.5), (Reason("caption", 1.0),)) for asset in some
            ]
        return found

    def quoted(self, query: Query, page: Sequence[Ranked]) -> Iterator[Ranked]:
        """The page, with the words that its places rest on."""
        said = [ranked.asset.id for ranked in page if any(reason.source == "caption" for reason in ranked.why)]
        quotes = self._texts.quotes(_sought(query), said) if said else {}
        for ranked in page:
            quote = quotes.get(ranked.asset.id)
            why = (replace(reason, quote=quote) if reason.source == "caption" else reason for reason in ranked.why)
            yield replace(ranked, why=tuple(why)) if quote else ranked

    def _live(self, ids: Sequence[int], query: Query, most: int) -> list[LiveAsset]:
        """The first ``most`` of ``ids`` that may be shown, in their order."""
        found: list[LiveAsset] = []
        for start in range(0, len(ids), _IDS_PER_LOOK):
            chunk = ids[start : start + _IDS_PER_LOOK]
            live = self._lookup.live_assets(chunk, query.wanted)
            found += [live[asset_id] for asset_id in chunk if asset_id in live]
            if len(found) >= most:
                break
        return found[:most]


def join(
    by_frames: Sequence[LiveAsset], likely: Mapping[int, float], by_words: Sequence[LiveAsset], fits_from: float
) -> list[Ranked]:
    """Both rankings as one: by the sum of reciprocal ranks, equal ones by name; what holds the query's words fits.

    ``likely`` has the chances of ``by_frames`` by id; what it lacks is left out. Where there are no words, theirs is
    the order, unchanged.
    """
    by_frames = [asset for asset in by_frames if asset.id in likely]
    if not by_words:
        return [Ranked(asset, likely[asset.id], (Reason("frames", 1.0),)) for asset in by_frames]
    said = {asset.id for asset in by_words}
    seen = {asset.id: 1 / (RANK_CONSTANT + rank) for rank, asset in enumerate(by_frames[:JOINED_MOST], 1)}
    told = {asset.id: 1 / (RANK_CONSTANT + rank) for rank, asset in enumerate(by_words, 1)}
    assets = {asset.id: asset for asset in (*by_words, *by_frames[:JOINED_MOST])}
    score = {key: seen.get(key, 0.0) + told.get(key, 0.0) for key in assets}
    order = sorted(assets, key=lambda key: (-score[key], assets[key].paths[0], key))
    joined = [
        Ranked(
            assets[key],
            max(likely.get(key, 0.0), SAID_CHANCE, fits_from) if key in said else likely[key],
            _why(seen.get(key, 0.0), told.get(key, 0.0)),
        )
        for key in order
    ]
    rest = (asset for asset in by_frames[JOINED_MOST:] if asset.id not in said)
    return joined + [Ranked(asset, likely[asset.id], (Reason("frames", 1.0),)) for asset in rest]


def _why(by_frames: float, by_words: float) -> tuple[Reason, ...]:
    """The shares of both, the greater first."""
    shares = [("frames", by_frames), ("caption", by_words)]
    total = by_frames + by_words
    return tuple(Reason(source, share / total) for source, share in sorted(shares, key=lambda each: -each[1]) if share)
