"""Captions as the small text tower reads them: the frozen states of their tokens, made once.

Shapes: m captions · t_i tokens of one · f the picture space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.models.bert import MINILM_TOKENIZER, MINILM_WEIGHTS
from retrieval.models.mmt_config import MmtConfig
from retrieval.models.mmt_inputs import TextBatch, prepare_texts
from retrieval.models.sentence_encoder import TokenEncoder
from retrieval.training.stage_cache import StageCache
from retrieval.types import Float32Array

__all__ = ["CaptionStates", "PictureTexts"]

PictureTexts = Callable[[Float32Array], Float32Array]
"""From sentence vectors [m, 384] to the picture space, [m, f]."""

_CHUNK: Final = 2048


class CaptionStates:
    """States [t_i, 384] and sentence vectors of captions, in half the width, and how batches are made of them."""

    def __init__(self, cache: StageCache, say: Callable[[str], None]) -> None:
        self._cache = cache
        self._say = say
        self._encoder: TokenEncoder | None = None
        self._rows: dict[str, tuple[NDArray[np.float16], NDArray[np.float16]]] = {}

    def add(self, captions: Sequence[str]) -> None:
        """Make, or find in the cache, what is not here yet.

        Raises:
            WeightsError: the text tower's weights are absent or differ.
            UsageError: the cache can't be written.
        """
        wanted = [caption for caption in dict.fromkeys(captions) if caption not in self._rows]
        for start in range(0, len(wanted), _CHUNK):
            self._add_chunk(wanted[start : start + _CHUNK])
            if len(wanted) > _CHUNK:
                self._say(f"{min(start + _CHUNK, len(wanted)):,} of {len(wanted):,} captions encoded")

    def batch(
        self, captions: Sequence[str], config: MmtConfig, picture_texts: PictureTexts | None
    ) -> TextBatch[NDArray[np.float32]]:
        """The batch of captions that were added; ``picture_texts`` where the configuration has a frame term."""
        found = [self._rows[caption] for caption in captions]
        frames = None
        if config.frames is not None and picture_texts is not None:
            frames = picture_texts(np.stack([sentence for _, sentence in found]).astype(np.float32))
        return prepare_texts([tokens.astype(np.float32) for tokens, _ in found], config, frames)

    def _add_chunk(self, captions: Sequence[str]) -> None:
        inputs = [MINILM_WEIGHTS.sha256, MINILM_TOKENIZER.sha256, *captions]
        found = self._cache.load("states", inputs)
        if found is None:
            self._encoder = self._encoder or TokenEncoder.load()
            states = self._encoder.encode(captions)
            found = {
                "tokens": np.concatenate(states.tokens).astype(np.float16),
                "counts": np.array([len(tokens) for tokens in states.tokens], np.int64),
                "sentences": states.sentences.astype(np.float16),
            }
            self._cache.store("states", inputs, found)
        tokens = np.split(found["tokens"], np.cumsum(found["counts"])[:-1])
        self._rows |= dict(zip(captions, zip(tokens, found["sentences"], strict=True), strict=True))
