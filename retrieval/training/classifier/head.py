"""A head on features: linear, whose penalty is chosen by folds; or with one hidden layer.

Every figure is of pictures that the weights which were asked had not seen: each fold is answered by a head trained on
the others. The head that is kept has then learned from all.

Shapes: n pictures · d features · k classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.models.classifier_files import HeadWeights
from retrieval.training.classifier.features import FeatureSet
from retrieval.training.classifier.labelled_pictures import folds_of, held_out
from retrieval.training.classifier.logistic import Scaling, cross_entropy, fit_logistic, fit_temperature
from retrieval.types import Float32Array

__all__ = ["PENALTIES", "TrainedHead", "train_linear_head"]

PENALTIES: Final = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
"""From strong to weak: each starts from the solution of the one before."""
_MOST_FOLDS: Final = 5
_FOLDED: Final = 5_000  # pictures beyond which one part held out says enough
_HELD_OUT: Final = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class TrainedHead:
    """A head that learned from all pictures, and what heads like it said of pictures that they had not seen."""

    weights: HeadWeights
    temperature: float
    logits: Float32Array
    """Of the pictures that were held out in turn, by the heads that had not seen them: [m, k]."""
    labels: NDArray[np.int64]
    """Theirs: [m]."""
    curve: list[dict[str, float]] = field(default_factory=list)
    """For each penalty tried: ``penalty``, ``dev_loss``, ``dev_accuracy``."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """What was chosen by it."""

    @property
    def accuracy(self) -> float:
        """Share, 0 to 1, of held-out pictures told right."""
        return float((self.logits.argmax(axis=1) == self.labels).mean())


def held_out_parts(labels: NDArray[np.int64], seed: int) -> list[NDArray[np.bool_]]:
    """Which pictures [n] are held out, in turn: up to five folds, of many pictures one part."""
    if len(labels) > _FOLDED:
        return [held_out(labels, _HELD_OUT, seed)]
    fewest = int(np.bincount(labels)[np.unique(labels)].min())
    folds = folds_of(labels, max(2, min(_MOST_FOLDS, fewest)), seed)
    return [folds == fold for fold in range(int(folds.max()) + 1)]


def train_linear_head(
    data: FeatureSet, *, seed: int, say: Callable[[str], None], penalties: tuple[float, ...] = PENALTIES
) -> TrainedHead:
    """A linear head over ``data``; the penalty is that of the least cross entropy on pictures held out."""
    classes = len(data.classes)
    parts = held_out_parts(data.labels, seed)
    answers = [_answers(data, part, penalties, classes) for part in parts]  # each [penalties, m, k]
    logits = np.concatenate(answers, axis=1)
    labels = np.concatenate([data.labels[part] for part in parts])
    # Each penalty at its own best temperature: it is calibrated before it is used.
    temperatures = [fit_temperature(found, labels) for found in logits]
    curve = [
        {
            "penalty": penalty,
            "dev_loss": cross_entropy(found / temperature, labels),
            "dev_accuracy": float((found.argmax(axis=1) == labels).mean()),
        }
        for penalty, found, temperature in zip(penalties, logits, temperatures, strict=True)
    ]
    best = int(np.argmin([entry["dev_loss"] for entry in curve]))
    say(f"a penalty of {penalties[best]:g} did best on {len(labels):,} pictures held out in {len(parts)} parts")
    features, repeated = data.seen()
    scaling = Scaling.of(features)
    weights = fit_logistic(scaling.scaled(features), repeated, classes, penalties[best])
    weight, bias = scaling.unscaled(weights.weights[0], weights.biases[0])
    chosen = {"penalty": penalties[best], "parts": len(parts)}
    direct = HeadWeights((weight,), (bias,))
    return TrainedHead(direct, temperatures[best], logits[best], labels, curve, chosen)


def _answers(data: FeatureSet, part: NDArray[np.bool_], penalties: tuple[float, ...], classes: int) -> Float32Array:
    """The logits [penalties, m, k] of the pictures in ``part``, by heads that learned from the others."""
    features, labels = data.seen(~part)
    scaling = Scaling.of(features)
    scaled, asked = scaling.scaled(features), scaling.scaled(data.plain[part])
    found, weights = [], None
    for penalty in penalties:
        weights = fit_logistic(scaled, labels, classes, penalty, weights)
        found.append(weights.logits(asked))
    return np.stack(found)
