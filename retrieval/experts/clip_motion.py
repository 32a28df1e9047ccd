"""Motion by a network for clips: each second in the middle of a clip of its own."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.over_time import Told, track_of
from retrieval.media.pieces import CLIP_RATE, ClipFrames, Piece, Stream
from retrieval.models.video_nets import VideoNetKind
from retrieval.types import ClipForm, Float32Array

__all__ = ["ClipMotion", "ClipNet"]

_BATCH: Final = 4
"""Clips that are encoded at once."""


class ClipNet(Protocol):
    """A network for clips."""

    @property
    def kind(self) -> VideoNetKind:
        """What it takes and gives."""

    def load(self) -> None: ...

    def __call__(self, clips: NDArray[np.uint8], /) -> Float32Array: ...


class ClipMotion:
    """The expert. A feature is what the network says of the clip in whose middle a second lies; where the film begins
    or ends within a clip, its first or last frame stands still."""

    stream: Final = Stream.CLIPS

    def __init__(self, name: str, version: str, title: str, net: ClipNet) -> None:
        """``title``: what messages call it."""
        self.name = name
        self.version = version
        self.title = title
        self._net = net

    @property
    def dim(self) -> int:
        """Width of a feature."""
        return self._net.kind.dim

    @property
    def clips(self) -> ClipForm:
        """What frames are to be."""
        return self._net.kind.form

    def load(self) -> None:
        """Load the model now.

        Raises:
            WeightsError: it can't be used.
        """
        self._net.load()

    def begin(self) -> ClipReading:
        """Begin to read a file."""
        return ClipReading(self._net)


class ClipReading:
    """One file, of which it holds a few clips."""

    def __init__(self, net: ClipNet) -> None:
        self._net = net
        self._step = round(CLIP_RATE / net.kind.rate)
        self._length = net.kind.frames * self._step
        self._lead = (self._length - CLIP_RATE + 1) // 2
        """Frames of a clip before its second begins."""
        self._frames: list[NDArray[np.uint8]] = []
        self._first = 0
        """The number of the first frame that is held."""
        self._second = 0
        """The first that has no clip yet."""
        self._waiting: list[NDArray[np.uint8]] = []
        self._rows: list[tuple[float, float, Float32Array]] = []

    def add(self, piece: Piece) -> None:
        """Take the next frames."""
        assert isinstance(piece, ClipFrames)
        self._frames.extend(piece.frames)
        while self._start + self._length <= self._end:
            self._cut()

    def finish(self, duration_seconds: float) -> Told:
        """A row ``[k, k + 1)`` for each second that begins before the end."""
        while self._second * CLIP_RATE < self._end:
            self._cut()
        self._encode()
        return Told(track_of(self._rows, self._net.kind.dim, duration_seconds))

    @property
    def _start(self) -> int:
        """The number of the next clip's first frame."""
        return self._second * CLIP_RATE - self._lead

    @property
    def _end(self) -> int:
        return self._first + len(self._frames)

    def _cut(self) -> None:
        numbers = np.arange(self._start, self._start + self._length, self._step) - self._first
        self._waiting.append(np.stack([self._frames[number] for number in numbers.clip(0, len(self._frames) - 1)]))
        self._second += 1
        past = min(max(0, self._start - self._first), len(self._frames) - 1)  # the last one may have to stand still
        del self._frames[:past]
        self._first += past
        if len(self._waiting) == _BATCH:
            self._encode()

    def _encode(self) -> None:
        if not self._waiting:
            return
        first = self._second - len(self._waiting)
        for number, row in enumerate(self._net(np.stack(self._waiting)), start=first):
            self._rows.append((float(number), float(number + 1), row))
        self._waiting = []
