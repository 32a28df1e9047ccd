"""``open_clip/<model>/<weights>``: every model of open_clip as a space, from its hub, this machine's cache or a file.

Text and pictures are embedded as open_clip embeds them (``tests/retrieval/models/clip`` holds them to it). Each side
loads when it is first used; docs/open_clip.md says from where, and what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from retrieval.experts.expert import FrameExpert, Rows
from retrieval.experts.open_clip import ClipPictures
from retrieval.models.clip.names import ClipName
from retrieval.models.clip.towers import ClipModel
from retrieval.spaces.plain_chances import PlainChances
from retrieval.types import Float32Array

__all__ = ["OpenClipSpace"]


class OpenClipSpace:
    """A model of open_clip; several threads may use it at once."""

    normalized = True

    def __init__(self, name: ClipName, *, threads: int | None = None) -> None:
        """``threads`` that one call may use on a CPU; by default as many as there are usable cores."""
        self._model = ClipModel(name, threads=threads)
        self._expert = ClipPictures(self._model)
        self.name = str(name)
        self.needs = (self._expert.name,)

    @property
    def version(self) -> str:
        """A digest of weights, architecture, preprocessing and form.

        Raises:
            UnknownSpaceError: the model has no weights of that name.
            WeightsError: the weights can't be had, can't be read as data, or are of another model.
        """
        return self._expert.version

    @property
    def dim(self) -> int:
        """Width of a vector. Raises as :attr:`version`."""
        return self._model.facts.dim

    @property
    def languages(self) -> tuple[str, ...]:
        """English, or many where the model was trained on many. Raises as :attr:`version`."""
        return self._model.facts.languages

    @property
    def fits_from(self) -> float:
        """The chance from which a hit is said to fit."""
        return self._chances.threshold

    def frame_expert(self) -> FrameExpert:
        """The model's own picture tower."""
        return self._expert

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        """Vectors of length 1, [n, d]. Raises as :attr:`version`."""
        return self._model.embed_texts(texts)

    def is_cut(self, text: str) -> bool:
        """Whether ``text`` has more tokens than the model's context. Raises as :attr:`version`."""
        return self._model.is_cut(text)

    def embed_segments(self, rows: Rows) -> Float32Array:
        """Vectors of length 1, [n, d]: those of the picture tower, whose kept track float16 has rounded."""
        vectors = rows[self._expert.name]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The chance that each score fits; see :mod:`retrieval.spaces.plain_chances`."""
        return self._chances.chance(scores)

    @cached_property
    def _chances(self) -> PlainChances:
        return PlainChances.of(self._model.facts.logit_scale, self._model.facts.logit_bias)
