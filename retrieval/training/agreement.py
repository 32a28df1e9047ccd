"""Zero-shot choice among words against the classifier's own choice: how well the space knows names.

Shapes: n pictures · k words · d the space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.spaces.heads import unit
from retrieval.types import Float32Array

__all__ = ["CLIP_WORDINGS", "Agreement", "agreement", "ensemble"]

CLIP_WORDINGS: Final = ("a {}", "a photo of a {}.", "a photo of the {}.", "a picture of a {}")


@dataclass(frozen=True, slots=True)
class Agreement:
    """In percent: of the pictures whose class any word covers ("coverable", of all), how many got a word of it."""

    top1: float
    top5: float
    coverable: float

    def to_json(self) -> dict[str, float]:
        """To two places."""
        return {"top1": round(self.top1, 2), "top5": round(self.top5, 2), "coverable": round(self.coverable, 2)}


def ensemble(
    names: Sequence[str], wordings: Sequence[str], embed: Callable[[Sequence[str]], Float32Array]
) -> Float32Array:
    """CLIP's template ensemble (Radford et al. 2021, 3.1.4): the mean of each name's wordings, [k, d] of length 1."""
    vectors = [embed([wording.format(name) for name in names]) for wording in wordings]
    return unit(np.mean(vectors, axis=0, dtype=np.float32))


def agreement(
    pictures: Float32Array, words: Float32Array, covers: NDArray[np.bool_], classes: NDArray[np.int64]
) -> Agreement:
    """How often one of the first 1 or 5 words covers the classifier's choice.

    Args:
        pictures: embeddings [n, d].
        words: embeddings [k, d].
        covers: [k, 1000], which classes each word covers.
        classes: the classifier's choices [n].
    """
    able = covers[:, classes].any(axis=0)
    if not able.any():
        return Agreement(0.0, 0.0, 0.0)
    order = np.argsort(-(pictures[able] @ words.T), axis=1)[:, :5]
    right = covers[order, classes[able][:, None]]
    return Agreement(
        top1=100 * float(right[:, 0].mean()),
        top5=100 * float(right.any(axis=1).mean()),
        coverable=100 * float(able.mean()),
    )
