"""Features of classes that no photograph at hand shows, made from real features and the classifier's own rows.

To move a feature vector towards class c by the likeliest way, one goes along Σ w_c: Σ is the covariance of real
features, w_c the classifier's row (the mean of a class in linear discriminant analysis, read backwards).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from retrieval.types import Float32Array

__all__ = ["Classifier", "make_prototypes"]

_STEPS: Final = 12  # of bisection
_FARTHEST: Final = 60.0  # standard deviations
_MARGINS: Final = (-0.5, 5.0)  # of the class's logit over the next, drawn evenly: from unsure to sure
_CEILING: Final = 6.0  # of the tower's last activation, ReLU6


@dataclass(frozen=True, slots=True)
class Classifier:
    """The picture tower's last layer: weight [1000, 1280], bias [1000]."""

    weight: Float32Array
    bias: Float32Array

    def __call__(self, features: Float32Array) -> Float32Array:
        """Features [n, 1280] → logits [n, 1000]."""
        return np.asarray(features @ self.weight.T + self.bias, np.float32)


def _directions(features: Float32Array, classifier: Classifier) -> Float32Array:
    """Σ w_c for each class c, [1000, 1280], of one standard deviation along w_c."""
    rows = classifier.weight - classifier.weight.mean(axis=0)
    moved = rows @ (np.cov(features.T) + 1e-3 * np.eye(features.shape[1]))
    return np.asarray(moved / np.sqrt((rows * moved).sum(axis=1, keepdims=True)), np.float32)


def make_prototypes(
    features: Float32Array, classifier: Classifier, *, rounds: int, rng: np.random.Generator
) -> tuple[Float32Array, Float32Array]:
    """Up to ``rounds`` made features of each class.

    Args:
        features: real features [n, 1280], where each starts.
        classifier: the tower's own.
        rounds: how many for each class.
        rng: the draw of starts and margins.

    Returns:
        features [k, 1280] and logits [k, 1000]; what the classifier does not take for its class is left out.
    """
    directions = _directions(features, classifier)
    made = np.concatenate([_one_round(features, classifier, directions, rng) for _ in range(rounds)])
    logits = classifier(made)
    right = logits.argmax(axis=1) == np.tile(np.arange(len(directions)), rounds)
    return made[right], logits[right]


def _one_round(
    features: Float32Array, classifier: Classifier, directions: Float32Array, rng: np.random.Generator
) -> Float32Array:
    """One made feature of each class, [1000, 1280]: as far along as its margin needs."""
    every = np.arange(len(directions))
    starts = features[rng.integers(len(features), size=len(every))]
    margins = rng.uniform(*_MARGINS, size=len(every))
    near, far = np.zeros(len(every)), np.full(len(every), _FARTHEST)
    for _ in range(_STEPS):
        middle = (near + far) / 2
        logits = classifier(_moved(starts, directions, middle))
        own = logits[every, every].copy()
        logits[every, every] = -np.inf
        enough = own - logits.max(axis=1) > margins
        near, far = np.where(enough, near, middle), np.where(enough, middle, far)
    return _moved(starts, directions, far)


def _moved(
    starts: Float32Array, directions: Float32Array, far: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> Float32Array:
    return np.asarray(np.clip(starts + far[:, None] * directions, 0, _CEILING), np.float32)
