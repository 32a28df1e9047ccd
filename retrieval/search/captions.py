"""What people wrote as evidence: titles, captions, keywords and names."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.search.fusion import Ranking
from retrieval.search.live import live_in_order
from retrieval.search.query import Query
from retrieval.search.query_words import content_words, sought_words
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.text_lookup import TextLookup
from retrieval.store.timed_text_index import Quote

__all__ = ["CAPTION_CHANCE", "Captions"]

CAPTION_CHANCE = 0.95
"""That a hit fits whose words hold all of the query's: a plain rule, not measured."""
_SOME_MOST = 0.5


class Captions:
    """Finds assets by what people wrote. Safe to share between threads."""

    source = "caption"

    def __init__(self, lookup: Lookup, texts: TextLookup) -> None:
        self._lookup = lookup
        self._texts = texts

    def find(self, query: Query, most: int) -> list[Ranking]:
        """The best ``most`` that may be shown and whose words hold all of the query's; nothing where none does."""
        barred = [content_words(term.text) for term in query.against]
        ids = self._texts.holding_all(
            sought_words(query), without=barred, wanted=query.wanted, up_to=query.newest_asset
        )
        found = live_in_order(self._lookup, ids, query, most)
        chances = dict.fromkeys((asset.id for asset in found), CAPTION_CHANCE)
        return [Ranking(self.source, found, chances, chances.keys())] if found else []

    def shares(self, query: Query, assets: Sequence[LiveAsset]) -> dict[int, float]:
        """Which share of the query's words people's hold, of those of ``assets`` where they hold any."""
        words = sought_words(query)
        return self._texts.share_among(words, [asset.id for asset in assets])

    def any(self) -> bool:
        """Whether people wrote anything that can be searched."""
        return self._texts.any_words()

    def nearest(self, query: Query, most: int, fits_from: float) -> list[Ranking]:
        """Those whose words hold some of the query's but not all, most first: none of them fits."""
        shares = dict(self._texts.holding_some(sought_words(query), up_to=query.newest_asset))
        found = live_in_order(self._lookup, list(shares), query, most)
        chances = {asset.id: shares[asset.id] * min(fits_from, _SOME_MOST) for asset in found}
        return [Ranking(self.source, found, chances)] if found else []

    def quotes(self, query: Query, asset_ids: Sequence[int]) -> dict[int, list[Quote]]:
        """Of each asset the part of its words that the query's are best found in."""
        quotes = self._texts.quotes(sought_words(query), asset_ids)
        return {asset_id: [Quote(None, None, quote)] for asset_id, quote in quotes.items() if quote}
