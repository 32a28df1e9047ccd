"""From an inner product to the chance that a hit fits, so that a search can say "nothing fits".

The same inner product means more for one query than for another, some pictures lie near any text, and the best of many
misfits scores higher than the best of few. A logistic (Platt 1999) reads, for a score s of a picture p among N items
and a query q,

    1 · s · s − rival(p) · q·m · sqrt(q·C·q) · q·t · ln N

over a background that is shipped with the space: m and C are the mean and covariance of embedded photographs, so that
q·m and sqrt(q·C·q) are what the query would score there; t is the mean of embedded captions, so that q·t says how much
the query is put like one; rival(p) is what names of things score on the picture, the third best of a long list: a query
that fits beats nearly all of them. For one picture a higher score never lowers the chance; a larger library never
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

TERMS: Final = 7
MAX_ITEMS: Final = 20_000  # a larger library holds more that fits, too: past this, ln N counts no further
_RIVAL: Final = 3  # the best names may well be true of the picture, and mean what the query means
_TENSORS: Final = ("mean", "covariance", "captions", "rivals", "weights", "threshold")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """The background of one space and the logistic that was fitted over it.

    Shapes: mean [d], covariance [d, d], captions [d] (their mean), rivals [r, d] (embedded names of things, three at
    least), weights [7]; ``threshold`` is the chance, 0 to 1, from which a hit fits.
    """

    mean: Float32Array
    covariance: Float32Array
    captions: Float32Array
    rivals: Float32Array
    weights: Float32Array
    threshold: float

    def __post_init__(self) -> None:
        dim = len(self.mean)
        found = [part.shape for part in (self.covariance, self.captions, self.rivals[:_RIVAL], self.weights)]
        if found != [(dim, dim), (dim,), (_RIVAL, dim), (TERMS,)] or not 0 < self.threshold < 1:
            shapes = {name: list(getattr(self, name).shape) for name in _TENSORS[:-1]}
            raise WeightsError(
                f"a calibration has {shapes} and threshold {self.threshold}, expected [d], [d, d], [d], "
                f"[{_RIVAL} or more, d], [{TERMS}] and a chance between 0 and 1; reinstall vidi"
            )
        if self.weights[1:3].min() < 0 or self.weights[-1] > 0:
            raise WeightsError(
                f"the calibration weighs the score by {self.weights[1]}, its lead by {self.weights[2]} and the size by "
                f"{self.weights[-1]}, expected at least 0, at least 0 and at most 0; reinstall vidi"
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
        mean, covariance, captions, rivals, weights = (tensors[name].astype(np.float32) for name in _TENSORS[:-1])
        return cls(mean, covariance, captions, rivals, weights, float(tensors["threshold"].item()))

    def rival(self, vectors: Float32Array) -> Float32Array:
        """What the third best name scores on each of the pictures ``vectors`` [n, d]: [n]."""
        scores = vectors @ self.rivals.T
        return np.asarray(np.partition(scores, -_RIVAL, axis=1)[:, -_RIVAL], np.float32)

    def terms(self, scores: Float32Array, rivals: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """What the logistic reads, [n, 7].

        Args:
            scores: inner products of hits with the query, [n].
            rivals: the hits' own :meth:`rival`, [n], or [1] for all.
            query: the query's embedding, [d], of length 1.
            items: how many items the library holds.
        """
        spread = max(float(query @ self.covariance @ query), 1e-12) ** 0.5
        terms = np.empty((len(scores), TERMS), np.float32)
        terms[:, 0] = 1
        terms[:, 1] = scores
        terms[:, 2] = scores - rivals
        terms[:, 3:] = query @ self.mean, spread, query @ self.captions, np.log(min(max(items, 1), MAX_ITEMS))
        return terms

    def chance(self, scores: Float32Array, vectors: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The chance, 0 to 1, that each hit fits, [n].

        Args:
            scores: inner products of the hits with the query, [n].
            vectors: what was found: [n, d], or [1, d] that stands for all, as the best frame does for its video.
            query: the query's embedding, [d], of length 1.
            items: how many items the library holds.
        """
        if query.shape != self.mean.shape or vectors.shape[1:] != query.shape:
            raise ValueError(
                f"query and hits have shapes {list(query.shape)} and {list(vectors.shape)}, expected "
                f"{list(self.mean.shape)} and [n, {len(self.mean)}]"
            )
        logits = np.clip(self.terms(scores, self.rival(vectors), query, items) @ self.weights, -50, 50)
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)

    def fits(self, chances: Float32Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Which hits fit, by their chances [n]: [n] of true and false."""
        return chances >= self.threshold
