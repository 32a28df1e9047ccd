"""What a training of an MMT is told: everything that its result depends on, but for the data."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Loss", "MmtRecipe", "learning_rate_at"]


class Loss(StrEnum):
    """What is made small."""

    MARGIN = "margin"
    """Bidirectional max-margin, the paper's."""
    CROSS_ENTROPY = "cross-entropy"
    """Symmetric cross entropy over the batch (Radford et al. 2021)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MmtRecipe:
    """Defaults are for the small model from scratch; the paper's are Adam at 5e-5, batch 32 and 50 epochs.

    Attributes:
        loss: what is made small.
        margin: of the max-margin loss.
        temperature: of the cross entropy, by which similarities are divided.
        epochs, batch: rounds over all clips, and clips of a step.
        learning_rate: of AdamW at its highest; it rises over the first twentieth of all steps, and falls by a cosine.
        weight_decay: of matrices alone.
        clip: the longest gradient.
        each_expert: weight of the loss of each expert's own term beside that of the whole. The mixture's softmax else
            starves an expert that is slow to learn before it tells anything.
        left_out: chance that an expert of a clip is left out of a step, so that none is relied on.
        seed: of every draw.
    """

    loss: Loss = Loss.MARGIN
    margin: float = 0.05
    temperature: float = 0.04
    epochs: int = 20
    batch: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    clip: float = 1.0
    each_expert: float = 0.2
    left_out: float = 0.0
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """As on the card."""
        return asdict(self)


def learning_rate_at(step: int, steps: int, recipe: MmtRecipe) -> float:
    """The rate of ``step``, from 0, of ``steps`` in all."""
    warm = max(1, steps // 20)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    done = (step - warm) / max(1, steps - warm)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
