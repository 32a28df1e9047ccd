"""Draws heat over a picture: what speaks for the answer stays bright and turns warm, the rest goes dim and grey."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from retrieval.types import Float32Array

__all__ = ["draw_heat"]

_DIM = 0.3
"""Brightness of what has no part, so that one still sees where one is."""
_WARM = np.array([255.0, 140.0, 0.0], np.float32)
_WARMTH = 0.45
_HOTTEST_SHARE = 99
"""Of the places in percent: the one above is full heat, so that one hot place doesn't dim all others."""


def draw_heat(jpeg: bytes, heat: Float32Array) -> Image.Image:
    """The picture of ``jpeg`` under ``heat`` [h, w] stretched over it; brightness alone tells as much as colour."""
    picture = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), np.float32)
    height, width = picture.shape[:2]
    scaled = Image.fromarray(_scaled(heat)).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(scaled, np.float32), 0, 1)[..., None]  # [height, width, 1]
    grey = picture.mean(axis=2, keepdims=True)
    warm = (1 - _WARMTH * share) * picture + _WARMTH * share * _WARM
    drawn = share * warm + (1 - share) * _DIM * grey
    return Image.fromarray(drawn.round().clip(0, 255).astype(np.uint8))


def _scaled(heat: Float32Array) -> Float32Array:
    hottest = float(np.percentile(heat, _HOTTEST_SHARE)) or float(heat.max()) or 1.0
    return np.asarray(np.minimum(heat / hottest, 1.0), np.float32)
