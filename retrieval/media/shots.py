"""Telling a shot cut from movement, on small frames.

The score is that of PySceneDetect's ContentDetector (B. Castellano, BSD 3-Clause): the mean absolute difference of
hue, saturation and brightness, at its default threshold. Written out here because that detector wants each frame in
turn, while this one also compares frames far apart, to decide whether what lies between need be decoded at all, and
because importing it costs each worker a second. Hue is compared around its circle, so that two reds are not taken for
opposites. A test holds the two against each other.
"""

from __future__ import annotations

from collections import deque
from statistics import median

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["SIGNATURE_SIZE", "ShotDetector", "Signature", "difference", "may_cut", "signature"]

Signature = NDArray[np.int16]
"""``[height, width, 3]``: hue 0 to 179, saturation and brightness 0 to 255."""

SIGNATURE_SIZE = (64, 36)
"""Width and height of the frames on which cuts are found."""
CUT_THRESHOLD = 27.0
HUES = 180
STANDS_OUT = 2.0
"""How many times the usual difference of neighbouring frames a cut must be."""
RECENT = 4
OTHER_COLORS = 0.3
"""The share of pixels whose colour must be gone for two frames far apart to be of different shots."""
NEIGHBOURS_SECONDS = 0.25
"""Frames further apart tell nothing of how fast the picture moves."""


def signature(pixels: NDArray[np.uint8]) -> Signature:
    """What is compared of a small ``[height, width, 3]`` RGB frame."""
    values = np.asarray(Image.fromarray(pixels).convert("HSV")).astype(np.int16)
    values[..., 0] = values[..., 0] * (HUES // 4) // 64  # from 256 hues, within 16 bits
    return values


def difference(before: Signature, after: Signature) -> float:
    """Mean absolute difference of two frames, 0 to about 200."""
    apart = np.abs(before - after)
    apart[..., 0] = np.minimum(apart[..., 0], HUES - apart[..., 0])
    return float(apart.mean())


def may_cut(before: Signature, after: Signature) -> bool:
    """Whether there may be a shot cut between two frames far apart.

    In that time a moving camera changes every pixel, but few of the colours in the picture: a cut changes both.
    """
    return difference(before, after) >= CUT_THRESHOLD and _colors_moved(before, after) >= OTHER_COLORS


def _colors_moved(before: Signature, after: Signature) -> float:
    """The share of pixels, 0 to 1, by which the colours of two frames differ, wherever they stand."""
    moved = np.abs(_histogram(before) - _histogram(after)).sum()
    return float(moved / (2 * before.shape[0] * before.shape[1]))


def _histogram(seen: Signature) -> NDArray[np.int64]:
    hue, saturation, brightness = (seen[..., channel] for channel in range(3))
    bins = hue // 30 * 32 + saturation // 64 * 8 + brightness // 32
    return np.bincount(bins.ravel(), minlength=192)


class ShotDetector:
    """Tells the first frame of each shot, as frames come in the order of time.

    As in PySceneDetect's AdaptiveDetector, a cut must stand out from the differences around it, so that a fast pan or a
    noisy picture is not cut to pieces; unlike there, only from those before it.
    """

    def __init__(self) -> None:
        self.last: Signature | None = None
        """The last frame that came."""
        self._last_seconds = 0.0
        self._recent: deque[float] = deque(maxlen=RECENT)

    def starts_shot(self, time_seconds: float, seen: Signature) -> bool:
        """Whether a shot cut lies between the last frame and this one."""
        before, gap = self.last, time_seconds - self._last_seconds
        self.last, self._last_seconds = seen, time_seconds
        if before is None:
            return False
        apart = difference(before, seen)
        usual = median(self._recent) if self._recent else 0.0  # the last cut, which is among them, is not usual
        is_cut = apart >= max(CUT_THRESHOLD, STANDS_OUT * usual)
        if gap <= NEIGHBOURS_SECONDS:
            self._recent.append(apart)
        return is_cut
