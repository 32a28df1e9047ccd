"""Pictures in the form that an expert wants: sizes, cutting and filling, as the transforms of open_clip do it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retrieval.types import PictureForm, ResizeMode

__all__ = ["cut_to", "size_before_cut"]

LONGEST_SHARE = 32
"""No side is made longer than this many times what is kept of it: a strip of ten million pixels by one stays small."""


def size_before_cut(form: PictureForm, width: int, height: int) -> tuple[int, int]:
    """Width and height that an upright picture is resized to, of which :func:`cut_to` keeps the middle."""
    match form.resize:
        case ResizeMode.SQUASH:
            return form.width, form.height
        case ResizeMode.SHORTEST if form.width == form.height:  # torchvision's rounding: down
            side = form.width
            size = (side, side * height // width) if width <= height else (side * width // height, side)
        case ResizeMode.SHORTEST:
            size = _by(min(height / form.height, width / form.width), width, height)
        case ResizeMode.LONGEST:
            size = _by(max(height / form.height, width / form.width), width, height)
    return min(size[0], LONGEST_SHARE * form.width), min(size[1], LONGEST_SHARE * form.height)


def _by(ratio: float, width: int, height: int) -> tuple[int, int]:
    return max(1, round(width / ratio)), max(1, round(height / ratio))


def cut_to(pixels: NDArray[np.uint8], form: PictureForm) -> NDArray[np.uint8]:
    """The middle of ``pixels`` ``[h, w, 3]``, filled where they are too few: ``[height, width, 3]``."""
    lacking = [(max(0, form.height - pixels.shape[0])), (max(0, form.width - pixels.shape[1]))]
    if any(lacking):
        margins = [(lack // 2, (lack + 1) // 2) for lack in lacking]
        pixels = np.pad(pixels, [*margins, (0, 0)], constant_values=form.fill)
    top, left = (round((have - keep) / 2) for have, keep in zip(pixels.shape, (form.height, form.width), strict=False))
    return pixels[top : top + form.height, left : left + form.width]
