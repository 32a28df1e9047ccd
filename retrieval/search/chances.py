"""How likely a hit is to fit, given its score and its vector: the one place that decides it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np

from retrieval.spaces.space import JudgesHits, Space
from retrieval.types import Float32Array

__all__ = ["FEW", "JUDGED", "Chances", "ImageChances", "TextChances"]

JUDGED: Final = 20
"""Hits whose chances decide whether anything fits, best scores first: a second may fit where the first does not."""

FEW: Final = 15
"""A query that fits the best of so many, drawn from the library, fits the library, whatever its size."""

_LOW = 0.25  # quantile of the chances of such bests
_EVEN = 0.5
_EVEN_COSINE = 0.6
_COSINE_SCALE = 0.08


class Chances(Protocol):
    """What a score means for one query."""

    @property
    def fits_from(self) -> float:
        """The chance, 0 to 1, from which a hit fits."""

    def of(self, scores: Float32Array, vectors: Float32Array) -> Float32Array:
        """The chances ``[n]``, 0 to 1, that ``scores`` ``[n]`` of the hits ``vectors`` fit.

        ``vectors`` are ``[n, d]``, or ``[1, d]`` that stands for all; of one vector, higher scores never have lower
        chances.
        """


@dataclass(frozen=True, eq=False)  # without slots: what the sample says of the query is worked out once, and kept
class TextChances:
    """For a text ``query`` ``[d]`` that was compared with ``items`` segments: what the space's calibration says.

    The more items, the more a best score must be, for it may be that of the best of many misfits. In a library of dogs
    alone it is not: to "a dog" a large part of it scores high. So the best of a few, by the library's own distribution,
    is judged beside the best of all, as one of a library of so few.
    """

    space: Space
    query: Float32Array
    items: int
    judge: JudgesHits | None = None
    """What judges hits in place of the space."""
    sample: Float32Array | None = None
    """Vectors ``[m, d]`` of what was compared, drawn evenly; without them only the best of all is judged."""

    @property
    def fits_from(self) -> float:
        """The space's own threshold."""
        return (self.judge or self.space).fits_from

    def of(self, scores: Float32Array, vectors: Float32Array) -> Float32Array:
        """The calibrated chances."""
        own = self._of_best(scores, vectors, self.items)
        if self._common is None:
            return own
        level, common = self._common
        return np.where(scores >= level, np.maximum(own, common), own)

    @cached_property
    def _common(self) -> tuple[float, float] | None:
        """From which score on a hit is among the best of a few, and the chance of such a best, rather low than high.

        None where there is no sample, or so little that the best of all is judged as one of a few.
        """
        if self.sample is None or min(self.items, len(self.sample)) <= FEW:
            return None
        scores = self.sample @ self.query
        best = np.argsort(-scores, kind="stable")[: len(scores) // FEW]
        chances = self._of_best(scores[best], self.sample[best], FEW)
        return float(scores[best[-1]]), float(np.quantile(chances, _LOW))

    def _of_best(self, scores: Float32Array, vectors: Float32Array, items: int) -> Float32Array:
        judge = self.judge or self.space
        if isinstance(judge, JudgesHits):
            return np.clip(judge.hit_chance(scores, vectors, self.query, items), 0.0, 1.0)
        return np.clip(judge.chance(scores, self.query, items), 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class ImageChances:
    """For a picture, or a picture and a text: a plain rule over cosines, the same for every space.

    Even odds at a cosine of 0.6. Among pairs of 700 photographs of Flickr8k's dev set in the starter, about as many as
    not are alike there (their captions' sentence vectors have a cosine above 0.5): 31 % at 0.52, 59 % at 0.62, 93 % at
    0.72.
    """

    fits_from: float = _EVEN

    def of(self, scores: Float32Array, vectors: Float32Array) -> Float32Array:
        """The chances that the rule gives; it reads no vectors."""
        return np.asarray(1.0 / (1.0 + np.exp((_EVEN_COSINE - scores) / _COSINE_SCALE)), np.float32)
