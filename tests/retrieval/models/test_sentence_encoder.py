from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from retrieval.models import sentence_encoder
from retrieval.models.onnx_session import OnnxModel
from retrieval.models.sentence_encoder import SentenceEncoder, TokenEncoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.load(threads=2)


def test_no_texts_give_no_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_vectors_stand_in_the_order_of_their_texts(encoder: SentenceEncoder) -> None:
    """More than one batch, the longest first."""
    texts = [f"number {number} " + "and so on " * (50 - number) for number in range(50)]

    vectors = encoder.encode(texts)

    for row in (0, 17, 49):
        np.testing.assert_allclose(vectors[row], encoder.encode([texts[row]])[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_dog_is_nearer_to_a_puppy_than_to_a_bridge(encoder: SentenceEncoder) -> None:
    dog, puppy, bridge = encoder.encode(["a dog", "a puppy", "a steel bridge"])

    assert dog @ puppy > dog @ bridge + 0.3


def test_what_is_beyond_256_tokens_is_cut_and_said_to_be(encoder: SentenceEncoder) -> None:
    fits, too_long = "word " * 254, "word " * 255  # and a token at each end

    assert not encoder.is_cut(fits)
    assert encoder.is_cut(too_long)
    np.testing.assert_allclose(*encoder.encode([fits, "word " * 10_000]), atol=1e-5)


def test_sentences_and_tokens_share_one_session_even_where_both_are_first(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def counted(*given: Any, threads: int) -> OnnxModel:
        opened.append(threads)
        return OnnxModel(*given, threads=threads)

    monkeypatch.setattr(sentence_encoder, "OnnxModel", counted)
    sentence_encoder._shared.cache_clear()
    loads: list[Callable[[], Any]] = [SentenceEncoder.load, TokenEncoder.load]
    with ThreadPoolExecutor() as threads:
        sentences, tokens = threads.map(lambda load: load(), loads)
    assert len(opened) == 1
    np.testing.assert_array_equal(sentences.encode(["a dog"]), tokens.encode(["a dog"]).sentences)
