"""From an inner product to the chance that a hit fits, so that a search can say "nothing fits".

The same inner product means more for one query than for another, and the best of many misfits scores higher than the
best of few. A logistic (Platt 1999) reads, for a score s in a library of N items and a query q,

    1 · s · q·m · sqrt(q·C·q) · ln N

where m and C are the mean and covariance of the embeddings of a broad background of pictures: q·m and sqrt(q·C·q) are
the mean and spread of what the query would score there. A higher score never lowers the chance; a larger library never
raises it. docs/calibration.md says what the number means.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from retrieval.errors import WeightsError
from retrieval.types import Float32Array

__all__ = ["MAX_ITEMS", "TERMS", "Calibration"]

TERMS: Final = 5
MAX_ITEMS: Final = 20_000  # a larger library holds more that fits, too: past this, ln N counts no further
_TENSORS: Final = ("mean", "covariance", "weights", "threshold")


@dataclass(frozen=True, slots=True)
class Calibration:
    """The background of one space and the logistic that was fitted over it.

    Shapes: mean [d], covariance [d, d], weights [5]; ``threshold`` is the chance, 0 to 1, from which a hit fits.
    """

    mean: Float32Array
    covariance: Float32Array
    weights: Float32Array
    threshold: float

    def __post_init__(self) -> None:
        dim = len(self.mean)
        if self.covariance.shape != (dim, dim) or self.weights.shape != (TERMS,) or not 0 < self.threshold < 1:
            raise WeightsError(
                f"a calibration has mean {list(self.mean.shape)}, covariance {list(self.covariance.shape)}, weights "
                f"{list(self.weights.shape)} and threshold {self.threshold}, expected [d], [d, d], [{TERMS}] and a "
                "chance between 0 and 1; reinstall vidi"
            )
        if self.weights[1] < 0 or self.weights[-1] > 0:
            raise WeightsError(
                f"the calibration weighs the score by {self.weights[1]} and the size by {self.weights[-1]}, expected "
                "at least 0 and at most 0; reinstall vidi"
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a calibration from a safetensors file.

        Raises:
            WeightsError: the file is missing, damaged, or not a calibration.
        """
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as exc:
            raise WeightsError(f"the calibration can't be read from {path} ({exc}); reinstall vidi") from exc
        if missing := [name for name in _TENSORS if name not in tensors]:
            raise WeightsError(f"the calibration {path} lacks {', '.join(missing)}; reinstall vidi")
        mean, covariance, weights = (tensors[name].astype(np.float32) for name in _TENSORS[:3])
        return cls(mean, covariance, weights, float(tensors["threshold"].item()))

    def terms(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """What the logistic reads, [n, 5]: scores [n] of hits, query [d] of length 1, ``items`` in the library."""
        mean = float(query @ self.mean)
        spread = max(float(query @ self.covariance @ query), 1e-12) ** 0.5
        terms = np.empty((len(scores), TERMS), np.float32)
        terms[:, 0] = 1
        terms[:, 1] = scores
        terms[:, 2:] = mean, spread, np.log(min(max(items, 1), MAX_ITEMS))
        return terms

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The chance, 0 to 1, that each hit fits, [n].

        Args:
            scores: inner products of the hits with the query, [n].
            query: the query's embedding, [d], of length 1.
            items: how many items the library holds.
        """
        if query.shape != self.mean.shape:
            raise ValueError(f"the query has shape {list(query.shape)}, expected {list(self.mean.shape)}")
        logits = np.clip(self.terms(scores, query, items) @ self.weights, -50, 50)
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def fits(self, chances: Float32Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which hits fit, by their chances [n]: [n] of true and false."""
        return chances >= self.threshold
