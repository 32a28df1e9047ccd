"""Multinomial logistic regression with a quadratic penalty, by L-BFGS in numpy: a head in seconds, without torch.

The penalty is on features brought to one scale, so that its strength means the same for every expert; what comes out
reads the features as they are.

Shapes: n rows · d features · k classes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.models.classifier_files import HeadWeights
from retrieval.types import Float32Array

__all__ = ["Scaling", "cross_entropy", "fit_logistic", "fit_temperature", "log_softmax"]

_MEMORY: Final = 10
_MOST_STEPS: Final = 200
_ENOUGH: Final = 1e-4  # length of the gradient, against one at the start of about 1
_SUFFICIENT: Final = 1e-4  # of the decrease that the slope promises (Armijo)
_SHORTEST: Final = 1e-8
_TEMPERATURES: Final = np.geomspace(0.05, 20, 121)

Vector = NDArray[np.float64]


def log_softmax(logits: NDArray[np.floating[Any]]) -> Vector:
    """``logits`` [n, k] to the logarithms of chances [n, k]."""
    shifted = np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), np.float64)


def cross_entropy(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The mean over rows of −ln of the right class's chance. ``logits`` [n, k], ``labels`` [n]."""
    return -float(log_softmax(logits)[np.arange(len(labels)), labels].mean())


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Mean and deviation [d] of features; those that never vary keep a deviation of 1."""

    mean: Float32Array
    deviation: Float32Array

    @classmethod
    def of(cls, features: Float32Array) -> Scaling:
        """Of ``features`` [n, d]."""
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > 1e-6, deviation, 1).astype(np.float32))

    def scaled(self, features: Float32Array) -> Float32Array:
        """``features`` [n, d] with mean 0 and deviation 1, divided by √d: their inner products are about 1."""
        root = np.float32(np.sqrt(features.shape[1]))
        return np.asarray((features - self.mean) / (self.deviation * root), np.float32)

    def unscaled(self, weight: Float32Array, bias: Float32Array) -> tuple[Float32Array, Float32Array]:
        """A layer [k, d], [k] over scaled features, as one over the features themselves."""
        direct = weight / (self.deviation * np.float32(np.sqrt(weight.shape[1])))
        return direct.astype(np.float32), (bias - direct @ self.mean).astype(np.float32)


def fit_logistic(
    features: Float32Array, labels: NDArray[np.int64], classes: int, penalty: float, start: HeadWeights | None = None
) -> HeadWeights:
    """The layer that makes the mean cross entropy + ``penalty``/2 · |weight|² least.

    Args:
        features: [n, d], scaled.
        labels: [n], places in ``classes``.
        classes: k.
        penalty: over 0.
        start: a solution of a neighbouring penalty, from which it is not far.
    """
    rows, width = features.shape
    wanted = np.zeros((rows, classes), np.float32)
    wanted[np.arange(rows), labels] = 1

    def slope(parameters: Vector) -> tuple[float, Vector]:
        table = parameters.reshape(classes, width + 1).astype(np.float32)
        logs = log_softmax(features @ table[:, :width].T + table[:, width])
        loss = -float(logs[np.arange(rows), labels].mean())
        off = (np.exp(logs).astype(np.float32) - wanted) / np.float32(rows)  # [n, k]
        gradient = np.concatenate([off.T @ features, off.sum(axis=0)[:, None]], axis=1).astype(np.float64)
        weights = parameters.reshape(classes, width + 1)[:, :width]
        gradient[:, :width] += penalty * weights
        return loss + penalty / 2 * float((weights**2).sum()), gradient.ravel()

    first = np.zeros((classes, width + 1))
    if start is not None:
        first = np.concatenate([start.weights[0], start.biases[0][:, None]], axis=1).astype(np.float64)
    found = _least(slope, first.ravel()).reshape(classes, width + 1).astype(np.float32)
    return HeadWeights((found[:, :width].copy(),), (found[:, width].copy(),))


def _least(slope: Callable[[Vector], tuple[float, Vector]], start: Vector) -> Vector:
    """Where a convex function is least, by limited-memory BFGS (Nocedal & Wright 2006, algorithm 7.5)."""
    here = start
    value, gradient = slope(here)
    moves: deque[tuple[Vector, Vector]] = deque(maxlen=_MEMORY)
    for _ in range(_MOST_STEPS):
        if np.linalg.norm(gradient) < _ENOUGH:
            break
        direction = -_turned(gradient, moves)
        promised, length = float(direction @ gradient), 1.0
        while length > _SHORTEST:
            there = here + length * direction
            new_value, new_gradient = slope(there)
            if new_value <= value + _SUFFICIENT * length * promised:
                break
            length /= 2
        else:
            break  # float32 can't tell anything better from this
        if (there - here) @ (new_gradient - gradient) > 0:
            moves.append((there - here, new_gradient - gradient))
        here, value, gradient = there, new_value, new_gradient
    return here


def _turned(gradient: Vector, moves: deque[tuple[Vector, Vector]]) -> Vector:
    """The gradient by the inverse curvature that the last moves tell of (algorithm 7.4)."""
    turned, shares = gradient.copy(), []
    for move, change in reversed(moves):
        share = float(move @ turned) / float(move @ change)
        turned -= share * change
        shares.append(share)
    if moves:
        move, change = moves[-1]
        turned *= float(move @ change) / float(change @ change)
    for (move, change), share in zip(moves, reversed(shares), strict=True):
        turned += (share - float(change @ turned) / float(move @ change)) * move
    return turned


def fit_temperature(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """By what logits [n, k] of pictures not learned from are to be divided for the least cross entropy (Guo et al.
    2017, "On Calibration of Modern Neural Networks")."""
    rows, classes = logits.shape
    # Platt 1999: as if two more pictures had been asked, one of them told wrong. Of few pictures, all told right, it
    # can't be said that none ever will be wrong.
    wanted = np.full((rows, classes), 1 / ((rows + 2) * max(1, classes - 1)))
    wanted[np.arange(rows), labels] = (rows + 1) / (rows + 2)
    losses = [-float((wanted * log_softmax(logits / temperature)).sum()) for temperature in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])
