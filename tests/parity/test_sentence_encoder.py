"""The text tower against sentence-transformers."""

from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from retrieval.models.bert import MINILM_WEIGHTS
from retrieval.models.sentence_encoder import SentenceEncoder

SENTENCES = [
    "a dog leaps for a frisbee",
    "Two children play on a beach at sunset.",
    "A MAN IN A RED SHIRT",
    "",
    " ",
    "\n\t",
    ".",
    "a",
    "  spaces   at both ends  ",
    "naïve café crème brûlée",
    "Ein Hund springt über den Zaun",
    "собака прыгает за мячом",
    "一只狗在海滩上奔跑",
    "كلب يركض",
    "a 🐕 jumps 🎉🎉",
    "x" * 300,
    "e\u0301 and \u200bzero\u200bwidth\u00a0spaces",
    "[CLS] [SEP] [MASK] [PAD] hello",
    "a long sentence about a cat that sleeps " * 40,
    "word " * 10_000,
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.load(threads=2)


def test_vectors_equal_those_of_sentence_transformers(encoder: SentenceEncoder) -> None:
    reference = SentenceTransformer(str(MINILM_WEIGHTS.located().parent), device="cpu")
    expected = reference.encode(SENTENCES)

    vectors = encoder.encode(SENTENCES)

    np.testing.assert_allclose(vectors, expected, rtol=0, atol=1e-5)
    assert (vectors * expected).sum(1).min() >= 0.99999


def test_a_sentence_is_the_same_alone_and_in_a_batch(encoder: SentenceEncoder) -> None:
    together = encoder.encode(SENTENCES)

    alone = np.concatenate([encoder.encode([sentence]) for sentence in SENTENCES])

    np.testing.assert_allclose(alone, together, rtol=0, atol=1e-5)
