"""Pairs of neighbouring frames, one a second, for optical flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from retrieval.media.container import orientation, upright
from retrieval.media.picture import fitted
from retrieval.media.pieces import FramePair
from retrieval.media.shots import Signature, may_cut

__all__ = ["GAP_LEAST_SECONDS", "GAP_MOST_SECONDS", "PairMaker", "small_grey"]

LONGEST_SIDE: Final = 160
GAP_LEAST_SECONDS: Final = 0.06
"""Frames closer than this (at 30 a second two are, at 25 not quite) differ by less than flow can measure."""
GAP_MOST_SECONDS: Final = 0.5
"""Frames further apart are no neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class _First:
    time_seconds: float
    frame: VideoFrame
    seen: Signature


class PairMaker:
    """Takes the frames that are decoded anyway, in the order of time, and says when it needs one more."""

    def __init__(self, aspect: float, emit: Callable[[FramePair], None]) -> None:
        """``aspect`` of a pixel, width by height."""
        self._aspect = aspect
        self._emit = emit
        self._reformatter = VideoReformatter()
        self._first: _First | None = None
        self._last_second = -1

    @property
    def first_seconds(self) -> float | None:
        """When the frame is seen that waits for its neighbour; None: none waits."""
        return self._first.time_seconds if self._first is not None else None

    def take(self, time_seconds: float, frame: VideoFrame, seen: Signature) -> None:
        """Take a frame: it completes a pair, begins one, or is passed over."""
        first = self._first
        if first is not None:
            gap = time_seconds - first.time_seconds
            if gap < GAP_LEAST_SECONDS:
                return
            if gap <= GAP_MOST_SECONDS and not may_cut(first.seen, seen):
                self._pair(first, gap, frame)
            self._first = None
        if int(time_seconds) > self._last_second:
            self._first = _First(max(0.0, time_seconds), frame, seen)

    def give_up(self) -> None:
        """The frame that waits gets no neighbour."""
        self._first = None

    def _pair(self, first: _First, gap_seconds: float, frame: VideoFrame) -> None:
        self._last_second = int(first.time_seconds)
        before, after = (
            small_grey(each, LONGEST_SIDE, self._aspect, self._reformatter) for each in (first.frame, frame)
        )
        if before.shape == after.shape:  # a stream may change its size
            self._emit(FramePair(first.time_seconds, gap_seconds, before, after))


def small_grey(frame: VideoFrame, longest_side: int, aspect: float, reformatter: VideoReformatter) -> NDArray[np.uint8]:
    """A frame ``[height, width]``, upright, its proportions those on a screen."""
    width, height = fitted(max(1, round(frame.width * aspect)), frame.height, longest_side)
    small = reformatter.reformat(frame, width, height, "gray", interpolation=Interpolation.AREA)
    return upright(small.to_ndarray().astype(np.uint8, copy=False), orientation(frame))
