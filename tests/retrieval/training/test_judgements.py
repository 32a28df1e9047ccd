"""What fits what, by words and by classes, and the texts that are judged."""

from __future__ import annotations

import numpy as np

from retrieval.spaces.heads import CLASSES, unit
from retrieval.training.calibrate import FITS, MISFIT, UNKNOWN
from retrieval.training.judgements import (
    HeldOut,
    absent_texts,
    calibration_data,
    cut_phrases,
    judge_by_classes,
    judge_by_words,
)
from retrieval.types import Float32Array

CAPTIONS = (("A black dog runs on the beach .", "Dog running"), ("Two girls in red dresses .",))


def test_phrases_are_short_and_end_in_a_word_of_their_own() -> None:
    phrases = cut_phrases([caption for own in CAPTIONS for caption in own])
    assert {"red dresses", "dresses", "two girls", "a black dog runs"} <= set(phrases)
    assert all(1 <= len(phrase.split()) <= 4 for phrase in phrases)
    assert "the" not in phrases


def test_a_text_fits_where_captions_have_all_its_words_and_not_where_they_have_none() -> None:
    judged = judge_by_words(["dogs", "a red dog", "a submarine", "a girl in dresses"], CAPTIONS, 3)
    assert judged.tolist() == [
        [FITS, MISFIT, UNKNOWN],
        [UNKNOWN, UNKNOWN, UNKNOWN],
        [MISFIT, MISFIT, UNKNOWN],
        [MISFIT, FITS, UNKNOWN],
    ]


def test_a_name_fits_where_the_classifier_is_sure() -> None:
    chances = np.zeros((3, CLASSES), np.float32)
    chances[0, [1, 2]] = 0.3
    chances[1, 1] = 0.3
    assert judge_by_classes([(1, 2)], chances).tolist() == [[FITS, UNKNOWN, MISFIT]]


def test_absent_texts_are_many_and_each_is_one() -> None:
    texts = absent_texts()
    assert len(texts) == len(set(texts)) > 500


def test_data_has_every_kind_and_starts_with_captions() -> None:
    rng = np.random.default_rng(0)
    pictures = unit(rng.normal(size=(3, 4)).astype(np.float32))
    chances = np.full((3, CLASSES), 1 / CLASSES, np.float32)

    def embed(texts: list[str]) -> Float32Array:
        return unit(np.array([[len(text), text.count("a"), 1, 0] for text in texts], np.float32))

    data = calibration_data(HeldOut(pictures, chances, CAPTIONS), embed, rng)
    assert [kind.judgements.shape[1] for kind in data.kinds] == [3] * 5
    captions = data.kinds[0]
    assert len(captions.queries) == 3
    assert (captions.judgements == FITS).any(axis=1).all()
    assert not (data.kinds[-1].judgements == FITS).any()
