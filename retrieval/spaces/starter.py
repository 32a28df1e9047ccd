"""The starter: the space that comes with vidi and needs nothing from a hub.

A dual encoder in CLIP's form (Radford et al. 2021): EfficientNet-Lite0 for pictures and all-MiniLM-L6-v2
for text, both frozen, and two small heads, trained in this project, that bring them together. Each side
loads when it is first used: a search loads no picture tower, an index run no text tower.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from retrieval.errors import WeightsError
from retrieval.experts.appearance import LOGITS_ROWS, Appearance
from retrieval.experts.expert import Rows
from retrieval.models.bert import MINILM_TOKENIZER, MINILM_WEIGHTS
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.once import Once
from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import StarterHeads
from retrieval.types import Float32Array

__all__ = ["STARTER_WEIGHTS", "StarterSpace"]

STARTER_WEIGHTS: Final = Path(__file__).parent / "weights" / "starter"
"""The folder of the shipped heads: ``heads.safetensors``, ``calibration.safetensors``, ``card.json``."""


class StarterSpace:
    """Text and appearance in one space; several threads may use it at once."""

    name: Final = "starter"
    normalized: Final = True
    needs: Final = (Appearance.name,)
    languages: Final = ("en",)
    alike_cosine: Final = 0.9
    """Of two pictures that are near-identical, as ``benchmarks.folding`` measures it."""

    def __init__(self, folder: Path = STARTER_WEIGHTS, *, threads: int | None = None) -> None:
        """``folder`` holds heads and calibration; ``threads`` that the text tower may use, default all cores."""
        self._folder = folder
        self._encoder = Once(lambda: SentenceEncoder.load(threads=threads))

    @cached_property
    def version(self) -> str:
        """A digest of towers, preprocessing and heads; not of the calibration, which shapes no vector."""
        parts = (MINILM_WEIGHTS.sha256, MINILM_TOKENIZER.sha256, Appearance.version, self._digest_of_heads())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._heads.dim

    @property
    def fits_from(self) -> float:
        """The chance from which a hit is said to fit, as it was calibrated."""
        return self._calibration.threshold

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        """Vectors of length 1, [n, d]; what is beyond 256 tokens of a text is left out (see :meth:`is_cut`).

        Raises:
            WeightsError: the weights of the text tower or the heads are absent or differ.
        """
        return self._heads.embed_texts(self._encoder().encode(texts))

    def embed_sentences(self, vectors: Float32Array) -> Float32Array:
        """Vectors of length 1, [n, d], from those of all-MiniLM-L6-v2, [n, 384], made elsewhere already.

        Raises:
            WeightsError: the heads are absent or damaged.
        """
        return self._heads.embed_texts(vectors)

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` is longer than the text tower reads."""
        return self._encoder().is_cut(text)

    def embed_segments(self, rows: Rows) -> Float32Array:
        """Vectors of length 1, [n, d], from the appearance expert's features and logits.

        Raises:
            WeightsError: the heads are absent or damaged.
        """
        return self._heads.embed_pictures(rows[Appearance.name], rows[LOGITS_ROWS])

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The calibrated chance that each score fits, of pictures like any; :meth:`hit_chance` knows more."""
        return self._calibration.chance(scores, self._calibration.mean[None], query, items)

    def hit_chance(self, scores: Float32Array, vectors: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The calibrated chance that each hit fits; see :class:`retrieval.spaces.space.JudgesHits`."""
        return self._calibration.chance(scores, vectors, query, items)

    @cached_property
    def _heads(self) -> StarterHeads:
        return StarterHeads.load(self._folder / "heads.safetensors")

    @cached_property
    def _calibration(self) -> Calibration:
        return Calibration.load(self._folder / "calibration.safetensors")

    def _digest_of_heads(self) -> str:
        path = self._folder / "heads.safetensors"
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise WeightsError(
                f"{path} can't be read: expected the starter's heads, found: {error.strerror}; install vidi again"
            ) from error
