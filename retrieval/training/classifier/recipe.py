"""How a model is trained: the numbers of one run, and what follows from them.

Touvron et al. 2021, table 9, is where the defaults come from; where they differ it is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Augmentation", "Precision", "Recipe", "learning_rate_at"]


class Augmentation(StrEnum):
    """How a picture is changed each time that it is shown."""

    NONE = "none"
    LIGHT = "light"
    """A random part of it, mirrored or not: for small pictures and short training."""
    DEIT = "deit"
    """That, with RandAugment and random erasing (Touvron et al. 2021, table 9)."""


class Precision(StrEnum):
    """The numbers that a forward pass computes in; weights stay float32."""

    AUTO = "auto"
    """bfloat16 on a GPU that has it, else float16; float32 on a CPU."""
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The numbers of a run. The same recipe on the same pictures gives the same weights on a CPU."""

    epochs: int = 100
    batch: int = 128
    learning_rate: float = 1e-3
    """At its highest. DeiT's is 5e-4 for each 512 pictures of a batch, over 300 epochs of ImageNet; small sets in short
    runs want more."""
    weight_decay: float = 0.05
    warmup_epochs: float = 5.0
    smoothing: float = 0.1
    mixup: float = 0.8
    """Of the beta distribution (Zhang et al. 2018); 0 mixes nothing."""
    cutmix: float = 1.0
    """Of the beta distribution (Yun et al. 2019); 0 mixes nothing. Where both are on, a batch takes one of them."""
    augmentation: Augmentation = Augmentation.DEIT
    smallest_part: float = 0.08
    """Of a picture's area that is shown."""
    clip: float = 1.0
    """Longest gradient; DeiT clips none, short runs at a high rate do better with it."""
    precision: Precision = Precision.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("learning_rate", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a number above 0")
        for name in ("weight_decay", "warmup_epochs", "mixup", "cutmix"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a number of 0 or more")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing is {self.smoothing}, expected 0 or more, and less than 1")


def learning_rate_at(step: int, steps_an_epoch: int, recipe: Recipe) -> float:
    """Of a step from 0: a line up in the warm-up, then half a cosine down to nothing (Loshchilov & Hutter 2017)."""
    steps = steps_an_epoch * recipe.epochs
    warmup = min(round(recipe.warmup_epochs * steps_an_epoch), steps // 2)
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    return recipe.learning_rate * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2
