"""Words said and written join the scores of sight as a search joins them; silent items stay as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.evaluation.item_words import ItemWords, words_joined
from retrieval.experts import extraction
from retrieval.types import FeatureTrack, Float32Array, Span, TextSource, TimedText

SPEECH, OCR = ("speech", "1"), ("ocr", "1")
SCORES = np.array([[0.9, 0.8, 0.1, -np.inf], [0.2, 0.3, 0.1, -np.inf]], np.float32)
CAPTIONS = ["someone says that rain comes tomorrow", "a dog"]


def far_apart(texts: Sequence[str]) -> Float32Array:
    return np.eye(384, dtype=np.float32)[[383] * len(texts)]


def told(text: str, start: float = 0.0, source: TextSource = TextSource.SPEECH) -> ItemWords:
    said = TimedText(source, start, start + 1, text, 0.9, "en")
    times = np.array([[start, start + 1]], np.float32)
    track = FeatureTrack(times, np.eye(384, dtype=np.float16)[[0]])
    key = (source.value, "1")
    return ItemWords.of(extraction.Testimony({key: track}, {key: [said]}), None)


def test_what_says_the_words_comes_before_what_only_looks_so() -> None:
    items = [ItemWords(), ItemWords(), told("Rain comes tomorrow."), ItemWords()]
    joined = words_joined(SCORES, items, CAPTIONS, embed_sentences=far_apart)
    assert np.argsort(-joined[0]).tolist()[0] == 2
    assert joined[0, 3] == -np.inf
    np.testing.assert_array_equal(joined[1], SCORES[1])  # nobody says it


def test_words_on_the_screen_join_too() -> None:
    items = [ItemWords(), ItemWords(), told("A DOG", source=TextSource.OCR), ItemWords()]
    joined = words_joined(SCORES, items, CAPTIONS, embed_sentences=far_apart)
    assert np.argsort(-joined[1]).tolist()[0] == 2
    np.testing.assert_array_equal(joined[0], SCORES[0])


def test_what_means_the_same_joins_below() -> None:
    items = [ItemWords(), ItemWords(), told("It will pour"), ItemWords()]

    def alike(texts: Sequence[str]) -> Float32Array:
        return np.eye(384, dtype=np.float32)[[0] * len(texts)]

    joined = words_joined(SCORES[:1], items, CAPTIONS[:1], embed_sentences=alike)
    assert np.argsort(-joined[0]).tolist()[0] == 2  # half of 1/61 beside 1/63


def test_silent_items_are_scored_as_they_look() -> None:
    assert words_joined(SCORES, [ItemWords()] * 4, CAPTIONS) is SCORES


def test_what_can_not_be_used_says_nothing() -> None:
    items = [*[ItemWords()] * 3, told("Rain comes tomorrow.")]
    joined = words_joined(SCORES, items, CAPTIONS, embed_sentences=far_apart)
    np.testing.assert_array_equal(np.argsort(-joined[0]), [0, 1, 2, 3])
    assert joined[0, 3] == -np.inf


def test_of_a_part_only_what_is_said_in_it_counts() -> None:
    said = [TimedText(TextSource.SPEECH, start, start + 1, word, 0.9) for start, word in ((0, "one"), (5, "two"))]
    track = FeatureTrack(np.array([[0, 1], [5, 6]], np.float32), np.eye(384, dtype=np.float16)[:2])
    part = ItemWords.of(extraction.Testimony({SPEECH: track}, {SPEECH: said, OCR: []}), Span(4, 8))
    assert [text.text for text in part.texts[SPEECH]] == ["two"]
    assert len(part.speech[SPEECH]) == 1
    assert part
    assert not ItemWords.of(extraction.Testimony({SPEECH: track}, {SPEECH: said}), Span(2, 4))


def test_a_caption_that_is_no_query_is_ranked_by_sight() -> None:
    items = [told("rain"), *[ItemWords()] * 3]
    captions = ["rain " * 20_001, "rain"]
    joined = words_joined(SCORES, items, captions, embed_sentences=far_apart)
    np.testing.assert_array_equal(joined[0], SCORES[0])
    assert np.argmax(joined[1]) == 0
