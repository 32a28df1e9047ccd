"""What a person should know of a trained classifier.

Shapes: n pictures · k classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.training.classifier.logistic import cross_entropy

__all__ = ["classifier_card", "figures_of"]


def figures_of(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> dict[str, Any]:
    """How good ``logits`` [n, k] of pictures that were held out are: in percent, and the cross entropy."""
    order = np.argsort(-logits, axis=1)
    right = order == labels[:, None]
    figures: dict[str, Any] = {"top1": _percent(right[:, :1])}
    if logits.shape[1] > 5:
        figures["top5"] = _percent(right[:, :5])
    return figures | {"cross_entropy": round(cross_entropy(logits, labels), 4)}


def _percent(right: NDArray[np.bool_]) -> float:
    return round(100 * float(right.any(axis=1).mean()), 2)


def classifier_card(
    *,
    name: str,
    kind: str,
    architecture: str,
    config: Mapping[str, Any],
    classes: tuple[str, ...],
    temperature: float,
    data: Mapping[str, Any],
    licence: str,
    command: str,
    recipe: Mapping[str, Any],
    figures: Mapping[str, Any],
    features: Mapping[str, Any] | None = None,
    picture_input: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The card, but for the digest, in the order in which it is read."""
    return {
        "name": name,
        "kind": kind,
        "architecture": architecture,
        "config": dict(config),
        "classes": list(classes),
        "features": features,
        "input": picture_input,
        "temperature": round(temperature, 4),
        "data": dict(data),
        "licence": licence,
        "command": command,
        "recipe": dict(recipe),
        "figures": dict(figures),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
