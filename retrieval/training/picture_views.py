"""The views of a picture that training sees: itself, its mirror image, and two crops."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["VIEWS_VERSION", "views_of"]

VIEWS_VERSION: Final = "whole-mirror-crop-crop-1"
"""Another way of making views is another version: kept features are told apart by it."""

_AREAS: Final = (0.55, 0.95)  # of a crop, in parts of the picture
_STRETCH: Final = 0.15  # natural logarithm of the most that a crop is wider or higher than the picture


def views_of(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pixels [s, s, 3] → [4, s, s, 3]: the whole, mirrored, a crop, and a mirrored crop."""
    crops = _crop(pixels, rng), _crop(pixels, rng)[:, ::-1]
    return np.stack([pixels, pixels[:, ::-1], *crops])


def _crop(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    area, stretch = rng.uniform(*_AREAS), np.exp(rng.uniform(-_STRETCH, _STRETCH))
    width, height = min(1.0, (area * stretch) ** 0.5), min(1.0, (area / stretch) ** 0.5)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    side = len(pixels)
    box = left * side, top * side, (left + width) * side, (top + height) * side
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC, box=box))
