"""What is said, and what is written on the screen, as evidence: by the words themselves, and speech by its meaning too.

Speech is a machine's transcript: whoever shows a quote of it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from retrieval.search.fusion import Ranking
from retrieval.search.live import live_in_order
from retrieval.search.query import Query
from retrieval.search.query_words import content_words, sought_words, spoken_words
from retrieval.search.ranking import MOMENTS_MOST
from retrieval.store.catalog import Catalog
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.speech_vectors import SpeechVectors, Utterance
from retrieval.store.text_lookup import TextLookup
from retrieval.store.timed_text_index import Quote
from retrieval.store.timed_texts import TimedTexts
from retrieval.types import Float32Array, TextSource, TimedText

__all__ = ["EmbedSentences", "OnScreen", "Speech"]

EmbedSentences = Callable[[Sequence[str]], Float32Array]
"""Vectors ``[n, d]`` of length 1 of sentences, as the speech expert embeds what it hears."""

WORDS_CHANCE = 0.9
"""That a hit fits in which all of the query's words are said, or shown, at once: a plain rule, not measured."""
PASSING_WEIGHT = 0.5
"""Of a single word that is said, and of what is near in meaning alone: many words are said in passing."""
FITS_FROM_COSINE = 0.6
"""From which cosine on an utterance is about the query. Among captions of 1,000 photographs the nearest to another
caption has such a cosine by accident of one in eleven sentences about other things, at most."""
_NEAREST_FROM_COSINE = 0.3
_OFF_COSINE = 0.1
"""The chance is the cosine without this: of captions of Flickr8k's dev set whose nearest of 1,000 has a cosine of 0.5,
0.6, 0.7, 0.8 or 0.9, this is of the same photograph in 41, 47, 60, 73 or 81 %."""
_UTTERANCES_MOST = 1000
_SPEECH_DIM = 384


class _Timed:
    """Finds assets by words with times. Safe to share between threads."""

    def __init__(self, source: TextSource, lookup: Lookup, texts: TextLookup) -> None:
        self.source = source.value
        self._of = source
        self._lookup = lookup
        self._texts = texts

    def quotes(self, query: Query, asset_ids: Sequence[int]) -> dict[int, list[Quote]]:
        """Of each asset the best places of the query's words."""
        return self._texts.timed_quotes(self._of, self._sought(query), asset_ids, MOMENTS_MOST)

    def asked_quotes(self, phrase: str, asset_ids: Sequence[int]) -> dict[int, list[Quote]]:
        """Of each asset the best places of ``phrase``, which a field asked for."""
        return self._texts.phrase_quotes(self._of, phrase, asset_ids, MOMENTS_MOST)

    def _sought(self, query: Query) -> list[str]:
        return sought_words(query)

    def _holding_all(self, query: Query) -> list[int]:
        """Ids, best first, of what the filter need not let through."""
        barred = [content_words(term.text) for term in query.against]
        return self._texts.timed(
            self._of, self._sought(query), without=barred, wanted=query.wanted, up_to=query.newest_asset
        )

    def _live(self, ids: Sequence[int], query: Query, most: int) -> list[LiveAsset]:
        return live_in_order(self._lookup, ids, query, most)

    def _ranking(self, assets: Sequence[LiveAsset], weight: float) -> list[Ranking]:
        chances = dict.fromkeys((asset.id for asset in assets), WORDS_CHANCE)
        return [Ranking(self.source, assets, chances, chances.keys(), weight)] if assets else []


class OnScreen(_Timed):
    """What is written on the screen."""

    def __init__(self, lookup: Lookup, texts: TextLookup) -> None:
        super().__init__(TextSource.OCR, lookup, texts)

    def find(self, query: Query, most: int) -> list[Ranking]:
        """The best ``most`` that may be shown and show all of the query's words at once; nothing where none does."""
        return self._ranking(self._live(self._holding_all(query), query, most), 1.0)


class Speech(_Timed):
    """What is said."""

    def __init__(
        self,
        catalog: Catalog,
        lookup: Lookup,
        texts: TextLookup,
        embed_sentences: EmbedSentences,
        notice: Callable[[str], None],
    ) -> None:
        super().__init__(TextSource.SPEECH, lookup, texts)
        self._timed_texts = TimedTexts(catalog)
        self._embed_sentences = embed_sentences
        self._vectors = SpeechVectors(catalog, lookup, _SPEECH_DIM, notice)

    def find(self, query: Query, most: int) -> list[Ranking]:
        """The best ``most`` in which all of the query's words are said at once, then those that are about it."""
        said = self._holding_all(query)
        about = self._about(query, most, FITS_FROM_COSINE, set(said))
        weight = 1.0 if len(self._sought(query)) > 1 else PASSING_WEIGHT
        return [*self._ranking(self._live(said, query, most), weight), *about]

    def nearest(self, query: Query, most: int) -> list[Ranking]:
        """Those that are nearest in meaning, though none of them need fit."""
        return self._about(query, most, _NEAREST_FROM_COSINE, set())

    def quotes(self, query: Query, asset_ids: Sequence[int]) -> dict[int, list[Quote]]:
        """Of each asset the best places of the query's words; where they are not said, what is nearest in meaning."""
        held = self._texts.timed_among(self._of, self._sought(query), asset_ids)
        found = super().quotes(query, sorted(held))
        left = [asset_id for asset_id in asset_ids if asset_id not in held]
        return found | (self._nearest_quotes(query, left) if left else {})

    def _sought(self, query: Query) -> list[str]:
        return spoken_words(query)

    def _about(self, query: Query, most: int, least: float, known: set[int]) -> list[Ranking]:
        best: dict[int, float] = {}
        for utterance in self._utterances(query, least):
            best.setdefault(utterance.asset_id, utterance.cosine)
        assets = self._live([key for key in best if key not in known], query, most)
        chances = {asset.id: max(0.0, best[asset.id] - _OFF_COSINE) for asset in assets}
        fitting = {asset.id for asset in assets if best[asset.id] >= FITS_FROM_COSINE}
        return [Ranking(self.source, assets, chances, fitting, PASSING_WEIGHT)] if assets else []

    def _utterances(self, query: Query, least: float) -> list[Utterance]:
        """Best first; none where nothing is said in the library, which costs next to nothing to see."""
        if not query.text.strip() or not self._timed_texts.any(self._of):
            return []
        (vector,) = self._embed_sentences([query.text.strip()])
        return self._vectors.nearest(vector, least, _UTTERANCES_MOST)

    def _nearest_quotes(self, query: Query, asset_ids: Sequence[int]) -> dict[int, list[Quote]]:
        """The nearest utterance of each asset, and others that are about the query too."""
        wanted = set(asset_ids)
        near: dict[int, list[Utterance]] = {}
        for utterance in self._utterances(query, _NEAREST_FROM_COSINE):
            places = near.setdefault(utterance.asset_id, [])
            if utterance.asset_id in wanted and (not places or utterance.cosine >= FITS_FROM_COSINE):
                places.append(utterance)
        texts = self._timed_texts.of(sorted(wanted & near.keys()))
        return {
            asset_id: [_quote(utterance, spoken) for utterance in near[asset_id][:MOMENTS_MOST]]
            for asset_id, said in texts.items()
            if (spoken := [text for text in said if text.source is self._of])
        }


def _quote(utterance: Utterance, spoken: Sequence[TimedText]) -> Quote:
    """Tracks keep times less exactly than texts do: the one that begins nearest to it is meant."""
    text = min(spoken, key=lambda text: abs(text.start_seconds - utterance.start_seconds))
    return Quote(text.start_seconds, text.end_seconds, " ".join(text.text.split()))
