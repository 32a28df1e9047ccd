"""Frames large enough to read: one a shot and one every few seconds, unless nothing on them changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from retrieval.media.container import orientation, upright
from retrieval.media.pairs import small_grey
from retrieval.media.picture import fitted
from retrieval.media.pieces import ScreenFrame
from retrieval.media.rgb import scaled

__all__ = ["ScreenMaker"]

LONGEST_SIDE: Final = 960
INTERVAL_SECONDS: Final = 5.0
SHORTEST_SECONDS: Final = 1.0
"""A shot that starts sooner after the last screen is read this long after it."""
COMPARED_SIDE: Final = 240
BLOCK: Final = 8
CHANGE: Final = 10.0
"""Mean difference, of 255, from which one block of the compared frame has changed: a letter more, not grain."""


class ScreenMaker:
    """Takes the frames that are looked at, in the order of time."""

    def __init__(self, aspect: float, emit: Callable[[ScreenFrame], None]) -> None:
        """``aspect`` of a pixel, width by height."""
        self._aspect = aspect
        self._emit = emit
        self._small, self._full = VideoReformatter(), VideoReformatter()
        self._last: NDArray[np.uint8] | None = None
        self._last_seconds = float("-inf")
        self._owes_shot = False

    def take(self, time_seconds: float, frame: VideoFrame, *, is_cut: bool) -> None:
        """Take a frame, at which a shot starts (``is_cut``) or not."""
        self._owes_shot |= is_cut
        since = time_seconds - self._last_seconds
        if since < (SHORTEST_SECONDS if self._owes_shot else INTERVAL_SECONDS):
            return
        self._last_seconds, self._owes_shot = time_seconds, False
        small = small_grey(frame, COMPARED_SIDE, self._aspect, self._small)
        if self._last is not None and not _has_changed(self._last, small):
            return
        self._last = small
        width, height = fitted(max(1, round(frame.width * self._aspect)), frame.height, LONGEST_SIDE)
        pixels = upright(scaled(frame, width, height, self._full), orientation(frame))
        self._emit(ScreenFrame(max(0.0, time_seconds), pixels))


def _has_changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
    if before.shape != after.shape:
        return True
    apart = np.abs(before.astype(np.int16) - after)
    lacking = [(0, -side % BLOCK) for side in apart.shape]
    blocks = np.pad(apart, lacking, mode="edge")
    means = blocks.reshape(blocks.shape[0] // BLOCK, BLOCK, -1, BLOCK).mean(axis=(1, 3))
    return bool(means.max() >= CHANGE)
