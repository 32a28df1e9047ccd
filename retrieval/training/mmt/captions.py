"""Captions as the small text tower reads them: the frozen states of their tokens, made once.

Shapes: m captions · t_i tokens of one · f the picture space.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from retrieval.models.bert import MINILM_TOKENIZER, MINILM_WEIGHTS
from retrieval.models.mmt_config import MmtConfig
from retrieval.models.mmt_inputs import TextBatch, prepare_texts
from retrieval.models.sentence_encoder import TokenEncoder
from retrieval.training.stage_cache import StageCache, digest_of
from retrieval.types import Float32Array

__all__ = ["CaptionStates", "PictureTexts"]

PictureTexts = Callable[[Float32Array], Float32Array]
"""From sentence vectors [m, 384] to the picture space, [m, f]."""

_PACK: Final = 2048
_STAGE: Final = f"states-{digest_of([MINILM_WEIGHTS.sha256, MINILM_TOKENIZER.sha256])[:12]}"


@dataclass(frozen=True, slots=True, eq=False)
class _Pack:
    """A file of states of some captions, mapped, not read: ``tokens`` [Σ t_i, 384] and ``sentences`` [m, 384]."""

    captions: Sequence[str]
    starts: NDArray[np.int64]
    """Of each caption's tokens, and their end: [m + 1]."""
    tokens: Any
    sentences: Any

    @classmethod
    def open(cls, path: Path) -> Self | None:
        """None where the file is damaged."""
        try:
            file: Any = safe_open(path, "numpy")
            captions = json.loads(file.get_tensor("captions").tobytes())
            starts = np.concatenate([[0], np.cumsum(file.get_tensor("counts"))])
        except (OSError, SafetensorError, ValueError):
            return None
        return cls(captions, starts, file.get_slice("tokens"), file.get_slice("sentences"))

    def row(self, number: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
        """States [t_i, 384] and the sentence vector [384] of a caption."""
        start, end = int(self.starts[number]), int(self.starts[number + 1])
        return self.tokens[start:end], self.sentences[number : number + 1][0]


class CaptionStates:
    """States [t_i, 384] and sentence vectors of captions, in half the width, and how batches are made of them.

    They lie in files of the cache, some captions a file, and are read from there batch by batch: memory holds where.
    """

    def __init__(self, cache: StageCache, say: Callable[[str], None]) -> None:
        self._cache = cache
        self._say = say
        self._encoder: TokenEncoder | None = None
        self._rows: dict[str, tuple[_Pack, int]] = {}

    def add(self, captions: Sequence[str]) -> None:
        """Make, or find in the cache, what is not here yet. A caption that any run encoded is not encoded again.

        Raises:
            WeightsError: the text tower's weights are absent or differ.
            UsageError: the cache can't be written.
        """
        wanted = set(captions) - self._rows.keys()
        for path in self._cache.paths(_STAGE) if wanted else ():
            self._open(path, wanted)
        lacking = [caption for caption in dict.fromkeys(captions) if caption in wanted]
        for start in range(0, len(lacking), _PACK):
            self._encode(lacking[start : start + _PACK])
            if len(lacking) > _PACK:
                self._say(f"{min(start + _PACK, len(lacking)):,} of {len(lacking):,} captions encoded")

    def batch(
        self, captions: Sequence[str], config: MmtConfig, picture_texts: PictureTexts | None
    ) -> TextBatch[NDArray[np.float32]]:
        """The batch of captions that were added; ``picture_texts`` where the configuration has a frame term."""
        found = [pack.row(number) for pack, number in (self._rows[caption] for caption in captions)]
        frames = None
        if config.frames is not None and picture_texts is not None:
            frames = picture_texts(np.stack([sentence for _, sentence in found]).astype(np.float32))
        return prepare_texts([tokens.astype(np.float32) for tokens, _ in found], config, frames)

    def _open(self, path: Path, wanted: set[str]) -> None:
        """Take what is ``wanted`` from a file, and off the set."""
        pack = _Pack.open(path)
        for number, caption in enumerate(pack.captions if pack else ()):
            if pack is not None and caption in wanted:
                self._rows[caption] = pack, number
                wanted.discard(caption)

    def _encode(self, captions: Sequence[str]) -> None:
        self._encoder = self._encoder or TokenEncoder.load()
        states = self._encoder.encode(captions)
        made: dict[str, NDArray[Any]] = {
            "captions": np.frombuffer(json.dumps(captions).encode(), np.uint8),
            "tokens": np.concatenate(states.tokens).astype(np.float16),
            "counts": np.array([len(tokens) for tokens in states.tokens], np.int64),
            "sentences": states.sentences.astype(np.float16),
        }
        self._cache.store(_STAGE, captions, made)
        self._open(self._cache.path(_STAGE, captions), set(captions))
