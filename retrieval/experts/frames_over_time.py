"""An expert of frames as one over time: its track has a row for each kept frame, at the span that it stands for."""

from __future__ import annotations

from typing import Final

import numpy as np

from retrieval.experts.expert import FrameExpert
from retrieval.experts.over_time import Told, track_of
from retrieval.media.pieces import Piece, Stream
from retrieval.types import Float32Array, Frame

__all__ = ["FramesOverTime"]

_BATCH: Final = 32


class FramesOverTime:
    """The expert, under the name and version of the one that it asks; of what that one keeps, the features alone."""

    stream: Final = Stream.FRAMES

    def __init__(self, expert: FrameExpert, title: str | None = None) -> None:
        """``title``: what messages call it, if not by its name."""
        self._expert = expert
        self.name = expert.name
        self.title = title or expert.name
        self.version = expert.version
        self.dim = expert.dim

    def load(self) -> None:
        """Load the model now.

        Raises:
            ModelError: it can't be had or used.
        """
        self._expert.load()

    def begin(self) -> FramesReading:
        """Begin to read a file."""
        return FramesReading(self._expert)


class FramesReading:
    """One file, of which it holds one batch of frames."""

    def __init__(self, expert: FrameExpert) -> None:
        self._expert = expert
        self._frames: list[Frame] = []
        self._rows: list[tuple[float, float, Float32Array]] = []

    def add(self, piece: Piece) -> None:
        """Take the next kept frame."""
        assert isinstance(piece, Frame)
        self._frames.append(piece)
        if len(self._frames) >= _BATCH:
            self._encode()

    def finish(self, duration_seconds: float) -> Told:
        """A row for each kept frame."""
        if self._frames:
            self._encode()
        return Told(track_of(self._rows, self._expert.dim, duration_seconds))

    def _encode(self) -> None:
        frames, self._frames = self._frames, []
        features = self._expert.encode(np.stack([frame.pixels for frame in frames])).rows[self._expert.name]
        for frame, row in zip(frames, features, strict=True):
            if frame.span is not None:  # a still picture has no times
                self._rows.append((frame.span.start_seconds, frame.span.end_seconds, row))
