"""What is said and written in the items of a data set, joined to their scores as a search joins it.

The words are kept in a library of their own for as long as it takes, so that the very code of a search finds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from retrieval.errors import QueryError
from retrieval.experts.extraction import Testimony
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.search.fusion import JOINED_MOST, Ranking, fuse
from retrieval.search.query import Query
from retrieval.search.timed_words import EmbedSentences, OnScreen, Speech
from retrieval.search.word_evidence import FRAMES
from retrieval.store.catalog import Catalog
from retrieval.store.descriptions import rebuild_text_index
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.results import MediaRecord
from retrieval.store.text_lookup import TextLookup
from retrieval.store.timed_texts import AssetTexts
from retrieval.types import FeatureTrack, Float32Array, MediaFacts, MediaKind, Span, TextSource

__all__ = ["ItemWords", "words_joined"]

Notice = Callable[[str], None]


def _encode(texts: Sequence[str]) -> Float32Array:
    return SentenceEncoder.load().encode(texts)


@dataclass(frozen=True, slots=True, eq=False)
class ItemWords:
    """What is said and written in one item, with the vectors ``[n, 384]`` of what is said, by (expert, version)."""

    texts: AssetTexts = field(default_factory=dict)
    speech: dict[tuple[str, str], FeatureTrack] = field(default_factory=dict)

    @classmethod
    def of(cls, testimony: Testimony, span: Span | None) -> ItemWords:
        """Of a whole file, or what overlaps a part of it."""
        texts = {key: [text for text in said if _is_within(text.start_seconds, text.end_seconds, span)]
                 for key, said in testimony.texts.items()}  # fmt: skip
        speech = {key: _within(track, span) for key, track in testimony.tracks.items() if key[0] == TextSource.SPEECH}
        return cls(texts, speech)

    def __bool__(self) -> bool:
        return any(self.texts.values())


def _is_within(start_seconds: float, end_seconds: float, span: Span | None) -> bool:
    return span is None or (start_seconds < span.end_seconds and end_seconds > span.start_seconds)


def _within(track: FeatureTrack, span: Span | None) -> FeatureTrack:
    rows = [_is_within(start, end, span) for start, end in track.times.tolist()]
    return FeatureTrack(track.times[rows], track.features[rows])


def words_joined(
    scores: Float32Array,
    items: Sequence[ItemWords],
    captions: Sequence[str],
    notice: Notice = lambda line: None,
    embed_sentences: EmbedSentences = _encode,
) -> Float32Array:
    """``scores`` ``[captions, items]`` of sight, where the words of an item answer a caption replaced by its places in
    the fusion of both: the higher the better. Rows that no item's words answer stay as they are.

    What can't be used has minus infinity, and keeps it.
    """
    if not any(items):
        return scores
    joined = scores.copy()
    with tempfile.TemporaryDirectory() as folder, Catalog(Path(folder) / "library", create=True) as catalog:
        assets = _kept(catalog, items)
        find = _finder(catalog, embed_sentences, notice)
        for row, caption in enumerate(captions):
            if rankings := find(caption):
                joined[row] = _places(scores[row], assets, rankings)
    return joined


def _kept(catalog: Catalog, items: Sequence[ItemWords]) -> list[LiveAsset]:
    """The items as contents of ``catalog``, each of its own."""
    intake = Intake(catalog, ("none", "1"))
    paths = [b"/%012d" % number for number in range(len(items))]
    files = intake.take_in([FoundFile(path, MediaKind.SOUND.value, 1, 1, 1) for path in paths], [], [])
    facts, nothing = MediaFacts(MediaKind.SOUND), np.zeros((0, 1), np.float32)
    records = [
        MediaRecord(file, number.to_bytes(32, "big"), facts, [], nothing, item.speech, item.texts)
        for number, (file, item) in enumerate(zip(files, items, strict=True))
    ]
    ids = intake.write(catalog.space("none", "1", 1, normalized=True), records, [])
    rebuild_text_index(catalog)
    return [LiveAsset(id_, MediaKind.SOUND, (path,)) for id_, path in zip(ids, paths, strict=True)]


def _finder(catalog: Catalog, embed_sentences: EmbedSentences, notice: Notice) -> Callable[[str], list[Ranking]]:
    lookup, texts = Lookup(catalog), TextLookup(catalog, notice)
    speech, on_screen = Speech(catalog, lookup, texts, embed_sentences, notice), OnScreen(lookup, texts)

    def find(caption: str) -> list[Ranking]:
        try:
            query = Query(caption)
        except QueryError:  # longer than a search takes
            return []
        return [*speech.find(query, JOINED_MOST), *on_screen.find(query, JOINED_MOST)]

    return find


def _places(scores: Float32Array, assets: Sequence[LiveAsset], words: Sequence[Ranking]) -> Float32Array:
    """Of one caption, ``[items]``: minus the place in the fusion; what has no score keeps minus infinity."""
    usable = [number for number in np.argsort(-scores, kind="stable").tolist() if np.isfinite(scores[number])]
    numbers = {assets[number].id: number for number in usable}
    seen = Ranking(FRAMES, [assets[number] for number in usable], {})
    places = np.full(len(scores), -np.inf, np.float32)
    order = [each.asset.id for each in fuse([seen, *words], 0.0) if each.asset.id in numbers]
    places[[numbers[asset_id] for asset_id in order]] = -np.arange(len(order))
    return places
