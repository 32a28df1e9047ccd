"""How likely a hit is to fit, given its score: the one place that decides it."""

from __future__ import annotations

import numpy as np

from retrieval.spaces.space import Space
from retrieval.types import Float32Array

__all__ = ["FITS_FROM", "image_chance", "text_chance"]

FITS_FROM = 0.5
"""A hit fits when it is likelier to than not."""

_EVEN_COSINE = 0.6
_COSINE_SCALE = 0.08


def text_chance(space: Space, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
    """The chances ``[n]`` that ``scores`` ``[n]`` fit a text, as the space's calibration says.

    ``query`` is ``[d]``; ``items`` is how many segments were compared.
    """
    return np.clip(space.chance(scores, query, items), 0.0, 1.0).astype(np.float32)


def image_chance(scores: Float32Array) -> Float32Array:
    """The chances ``[n]`` that ``scores`` ``[n]``, cosines to a picture (or a picture and a text), fit.

    A plain rule, not a calibration: even odds at a cosine of 0.6, which unlike pictures seldom reach, and near
    certainty from 0.85, which only pictures of the same thing do.
    """
    return np.asarray(1.0 / (1.0 + np.exp((_EVEN_COSINE - scores) / _COSINE_SCALE)), np.float32)
