"""Telling a shot cut from movement, on small frames.

The score is that of PySceneDetect's ContentDetector (B. Castellano, BSD 3-Clause): the mean absolute difference of
hue, saturation and brightness, at its default threshold. Written out here because that detector wants each frame in
turn, while this one also compares frames far apart, to decide whether what lies between need be decoded at all. Hue is
compared around its circle, so that two reds are not taken for opposites. A test holds the two against each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Signature", "difference", "is_cut", "signature"]

Signature = NDArray[np.int16]
"""``[height, width, 3]``: hue 0 to 179, saturation and brightness 0 to 255."""

CUT_THRESHOLD = 27.0
HUES = 180


def signature(pixels: NDArray[np.uint8]) -> Signature:
    """What is compared of a small ``[height, width, 3]`` RGB frame."""
    values = np.asarray(Image.fromarray(pixels).convert("HSV")).astype(np.int16)
    values[..., 0] = values[..., 0] * HUES // 256
    return values


def difference(before: Signature, after: Signature) -> float:
    """Mean absolute difference of two frames, 0 to about 200."""
    apart = np.abs(before - after)
    apart[..., 0] = np.minimum(apart[..., 0], HUES - apart[..., 0])
    return float(apart.mean())


def is_cut(before: Signature, after: Signature) -> bool:
    """Whether two neighbouring frames belong to different shots."""
    return difference(before, after) >= CUT_THRESHOLD
