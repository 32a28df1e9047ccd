"""What the one decoding pass gives of a video or sound to the experts over time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array, Frame

__all__ = [
    "CLIP_RATE",
    "SOUND_RATE",
    "ClipFrames",
    "FramePair",
    "MediaPiece",
    "Piece",
    "ScreenFrame",
    "SoundPiece",
    "Stream",
    "as_floats",
    "stream_of",
]

CLIP_RATE: Final = 15
"""Frames a second of all clips: what torchvision's networks of motion were trained on, or every second of them."""

SOUND_RATE: Final = 16_000
"""Samples a second of all sound."""


class Stream(StrEnum):
    """What a decoding pass can give of one file. A pass decodes only for those that are asked of it."""

    CLIPS = "clips"
    """Small frames, :data:`CLIP_RATE` a second: the one stream for which every frame of a film is decoded."""
    FRAMES = "frames"
    """Kept frames, each with the span that it stands for."""
    PAIRS = "pairs"
    """Neighbouring frames, small and grey, one pair a second."""
    SCREENS = "screens"
    """Frames large enough to read: one a shot and every few seconds, unless nothing changed."""
    SOUND = "sound"
    """Mono sound."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FramePair:
    """Two neighbouring frames of one shot, ``[height, width] uint8`` grey, upright, in the video's proportions.

    ``before`` is seen at ``time_seconds``, ``after`` at ``gap_seconds`` later.
    """

    time_seconds: float
    gap_seconds: float
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.before.ndim != 2 or self.before.shape != self.after.shape:
            raise ValueError(f"a pair is two [height, width], got {self.before.shape} and {self.after.shape}")
        if not (self.before.dtype == self.after.dtype == np.uint8):
            raise ValueError(f"a pair is uint8, got {self.before.dtype} and {self.after.dtype}")
        if not (self.time_seconds >= 0 and self.gap_seconds > 0):
            raise ValueError(f"a pair has a time >= 0 and a gap > 0, got {self.time_seconds} and {self.gap_seconds}")

    def __repr__(self) -> str:
        return f"FramePair({self.before.shape}, time_seconds={self.time_seconds}, gap_seconds={self.gap_seconds})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ClipFrames:
    """What is on the screen at ``start_seconds`` and at each :data:`CLIP_RATE`-th of a second after: ``frames
    [n, height, width, 3] uint8`` RGB. Pieces of a file begin at 0 and follow each other without a gap.
    """

    start_seconds: float
    frames: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.frames.ndim != 4 or self.frames.shape[3] != 3 or self.frames.dtype != np.uint8:
            raise ValueError(f"frames must be [n, height, width, 3] uint8, got {self.frames.shape} {self.frames.dtype}")
        if not self.start_seconds >= 0:
            raise ValueError(f"frames of clips have a start >= 0, got {self.start_seconds}")

    def __repr__(self) -> str:
        return f"ClipFrames({self.frames.shape}, start_seconds={self.start_seconds})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScreenFrame:
    """What is on the screen from ``time_seconds`` until the next of these: ``[height, width, 3] uint8`` RGB."""

    time_seconds: float
    pixels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be [height, width, 3] uint8, got {self.pixels.shape} {self.pixels.dtype}")
        if not self.time_seconds >= 0:
            raise ValueError(f"a screen has a time >= 0, got {self.time_seconds}")

    def __repr__(self) -> str:
        return f"ScreenFrame({self.pixels.shape}, time_seconds={self.time_seconds})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SoundPiece:
    """Some sound from ``start_seconds`` on: ``samples [n] int16``, mono, :data:`SOUND_RATE` a second.

    Pieces of a file come in the order of time and don't overlap. Where one doesn't follow the last, the sound had a
    gap.
    """

    start_seconds: float
    samples: NDArray[np.int16]

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.int16:
            raise ValueError(f"samples must be [n] int16, got {self.samples.shape} {self.samples.dtype}")
        if not self.start_seconds >= 0:
            raise ValueError(f"a piece of sound has a start >= 0, got {self.start_seconds}")

    @property
    def end_seconds(self) -> float:
        """Where its last sample ends."""
        return self.start_seconds + len(self.samples) / SOUND_RATE

    def __repr__(self) -> str:
        return f"SoundPiece({self.samples.shape}, start_seconds={self.start_seconds})"


MediaPiece = ClipFrames | FramePair | ScreenFrame | SoundPiece
"""What a pass gives beside kept frames."""
Piece = Frame | MediaPiece


def as_floats(samples: NDArray[np.int16]) -> Float32Array:
    """Sound ``[n]`` as numbers from -1 to 1."""
    return samples.astype(np.float32) / np.float32(32768)


def stream_of(piece: Piece) -> Stream:
    """The stream that a piece belongs to."""
    match piece:
        case ClipFrames():
            return Stream.CLIPS
        case Frame():
            return Stream.FRAMES
        case FramePair():
            return Stream.PAIRS
        case ScreenFrame():
            return Stream.SCREENS
        case SoundPiece():
            return Stream.SOUND
