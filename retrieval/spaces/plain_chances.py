"""The chance that a hit fits, in a space for which nobody measured it: from what the model was trained to say.

A model trained with the sigmoid loss (Zhai et al. 2023, SigLIP) gives a pair's odds itself: ``scale · cosine + bias``.
One trained with the softmax (Radford et al. 2021, CLIP) orders, and gives no odds; for those, even odds stand at the
cosine below which LAION's makers dropped pairs of captions and pictures as not belonging together (Schuhmann et al.
2022: 0.28 in ViT-B/32 for English pairs, somewhat less for a plain description of what is seen).

A calibration over the library itself takes this one's place where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from retrieval.types import Float32Array

__all__ = ["PlainChances"]

_EVEN_COSINE: Final = 0.25
_STEEPNESS: Final = 50.0  # about the half of a trained CLIP's own scale (100): 0.27 means 73 %, 0.21 means 12 %
_SIGMOID_SHARE: Final = 0.5
"""A sigmoid model's odds are those of one pair among a whole batch: half of the logit's depth below even is kept."""


@dataclass(frozen=True, slots=True)
class PlainChances:
    """A logistic over the cosine: ``1 / (1 + exp(steepness · (even - cosine)))``; it never falls as cosines rise."""

    even: float = _EVEN_COSINE
    steepness: float = _STEEPNESS
    threshold: float = 0.5

    @classmethod
    def of(cls, logit_scale: float, logit_bias: float | None) -> Self:
        """For a model with this scale, and with this bias if it was trained with the sigmoid loss."""
        if logit_bias is None or logit_scale <= 0:
            return cls()
        return cls(even=_SIGMOID_SHARE * -logit_bias / logit_scale, steepness=logit_scale)

    def chance(self, scores: Float32Array) -> Float32Array:
        """The chance, 0 to 1, of each of ``scores`` ``[n]``."""
        return np.asarray(1 / (1 + np.exp(np.clip(self.steepness * (self.even - scores), -50, 50))), np.float32)
