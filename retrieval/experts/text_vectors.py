"""Vectors of words that were heard or read, by the packaged MiniLM: what the speech and screen tracks hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from retrieval.models.bert import MINILM_WEIGHTS, minilm_l6
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.once import Once
from retrieval.types import FeatureTrack, Float32Array, TimedText

__all__ = ["TextVectors"]


class TextVectors:
    """It loads when first used; several threads may share it."""

    version: Final = f"minilm-{MINILM_WEIGHTS.sha256[:8]}"
    dim: Final = minilm_l6().hidden

    def __init__(self, *, threads: int = 1) -> None:
        """``threads`` of one call."""
        self._loaded = Once(lambda: SentenceEncoder.load(threads=threads))

    def load(self) -> None:
        """Load the model now.

        Raises:
            WeightsError: the weights are absent or differ.
        """
        self._loaded()

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """A vector of length 1 for each text, ``[n, 384]``; n may be 0, which loads nothing.

        Raises: as :meth:`load`.
        """
        return self._loaded().encode(texts) if texts else np.zeros((0, self.dim), np.float32)

    def track(self, texts: Sequence[TimedText]) -> FeatureTrack:
        """A row a text, at its times.

        Raises: as :meth:`load`.
        """
        times = np.array([(text.start_seconds, text.end_seconds) for text in texts], np.float32).reshape(-1, 2)
        return FeatureTrack(times, self.encode([text.text for text in texts]).astype(np.float16))
