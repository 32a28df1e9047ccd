"""Frozen values that cross stages. They check their shapes, and their repr prints shapes, not data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FeatureTrack",
    "Float32Array",
    "Frame",
    "MediaFacts",
    "MediaKind",
    "Moment",
    "PictureForm",
    "ResizeMode",
    "Span",
    "TextSource",
    "TimedText",
    "Words",
]

Float32Array = NDArray[np.float32]


class MediaKind(StrEnum):
    """What a file holds."""

    PICTURE = "picture"
    VIDEO = "video"
    SOUND = "sound"


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, ``[start_seconds, end_seconds)``."""

    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        _check(
            0 <= self.start_seconds <= self.end_seconds,
            f"a span must satisfy 0 <= start <= end, got [{self.start_seconds}, {self.end_seconds})",
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """A span of a video with the chance, 0 to 1, that it fits the query."""

    start_seconds: float
    end_seconds: float
    score: float


class TextSource(StrEnum):
    """Which expert read the words of a video or sound; also its name as an expert."""

    SPEECH = "speech"
    """What is said: a machine transcript."""
    OCR = "ocr"
    """What is written on the screen."""


@dataclass(frozen=True, slots=True)
class TimedText:
    """Words that a machine heard or read in ``[start_seconds, end_seconds)`` of a video or sound."""

    source: TextSource
    start_seconds: float
    end_seconds: float
    text: str
    confidence: float
    """The machine's own, 0 to 1; not calibrated."""
    language: str | None = None
    """ISO 639-1, where it is known."""

    def __post_init__(self) -> None:
        Span(self.start_seconds, self.end_seconds)
        _check(bool(self.text.strip()), "a timed text has words, got none")
        _check(0 <= self.confidence <= 1, f"a confidence lies in 0 to 1, got {self.confidence}")


class ResizeMode(StrEnum):
    """How a picture is brought to the size that a model takes."""

    SQUASH = "squash"
    """Both sides at once, whatever its proportions."""
    SHORTEST = "shortest"
    """In its proportions until the short side fits; what stands out is cut off, alike on both sides."""
    LONGEST = "longest"
    """In its proportions until the long side fits; what is left is filled."""


@dataclass(frozen=True, slots=True)
class PictureForm:
    """What an expert wants its pictures to be: ``[height, width, 3]``, brought there by ``resize``."""

    height: int
    width: int
    resize: ResizeMode = ResizeMode.SQUASH
    is_bilinear: bool = False
    """Whether pixels are mixed bilinearly, not bicubically."""
    fill: int = 0
    """Value of the pixels that ``longest`` adds."""

    def __post_init__(self) -> None:
        _check(
            self.height >= 1 and self.width >= 1 and 0 <= self.fill <= 255,
            f"a form has sides from 1 up and a fill from 0 to 255, got {self}",
        )


@dataclass(frozen=True, slots=True)
class ClipForm:
    """What an expert of clips wants frames to be: resized to ``resized``, of which the middle is kept,
    ``[height, width, 3]``."""

    resized: PictureForm = PictureForm(128, 171)
    height: int = 112
    width: int = 112

    def __post_init__(self) -> None:
        _check(self.height >= 1 and self.width >= 1, f"a form has sides from 1 up, got {self}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """A decoded picture, or a kept video frame with the span that it stands for.

    ``pixels`` is ``[height, width, 3] uint8`` RGB, oriented as it is to be seen. ``time_seconds`` and
    ``span`` are None for a picture.
    """

    pixels: NDArray[np.uint8]
    time_seconds: float | None = None
    span: Span | None = None

    def __post_init__(self) -> None:
        _check(
            self.pixels.ndim == 3 and self.pixels.shape[2] == 3 and self.pixels.dtype == np.uint8,
            f"pixels must be [height, width, 3] uint8, got {self.pixels.shape} {self.pixels.dtype}",
        )
        _check((self.time_seconds is None) == (self.span is None), "time_seconds and span go together")

    def __repr__(self) -> str:
        return f"Frame(pixels={self.pixels.shape}, time_seconds={self.time_seconds}, span={self.span})"


@dataclass(frozen=True, slots=True)
class Words:
    """What people wrote into a file, or into a sidecar beside it. It is true if there is anything."""

    title: str | None = None
    caption: str | None = None
    rating: int | None = None
    """Stars, 0 to 5; -1 is rejected, as XMP has it."""
    keywords: tuple[str, ...] = ()
    people: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.rating is None or -1 <= self.rating <= 5, f"a rating lies in -1 to 5, got {self.rating}")

    def __bool__(self) -> bool:
        return self != _NO_WORDS

    def then(self, other: Words) -> Words:
        """Both: of title, caption and rating what this one says, else ``other``; the lists of both, each name once."""
        return Words(
            title=self.title or other.title,
            caption=self.caption or other.caption,
            rating=other.rating if self.rating is None else self.rating,
            keywords=_distinct(self.keywords + other.keywords),
            people=_distinct(self.people + other.people),
        )


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each name once, as it was first written, whatever its capitals."""
    return tuple({name.casefold(): name for name in reversed(names)}.values())[::-1]


_NO_WORDS = Words()


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What a file says of itself. ``width`` and ``height`` are in pixels as seen (rotation applied)."""

    kind: MediaKind
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    frame_rate: float | None = None
    has_sound: bool = False
    codec: str | None = None
    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    camera: str | None = None
    lens: str | None = None
    words: Words = field(default_factory=Words)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FeatureTrack:
    """What one expert says of one asset over time.

    ``times`` is ``[n, 2]`` seconds, half-open; a picture has one row ``[0, 0]``. ``features`` is ``[n, d]``.
    """

    times: Float32Array
    features: NDArray[Any]

    def __post_init__(self) -> None:
        _check(
            self.times.ndim == 2 and self.times.shape[1] == 2, f"times must be [n, 2] seconds, got {self.times.shape}"
        )
        _check(self.features.ndim == 2, f"features must be [n, d], got {self.features.shape}")
        _check(
            len(self.times) == len(self.features),
            f"times and features must be of one length, got {len(self.times)} and {len(self.features)}",
        )

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"FeatureTrack(times={self.times.shape}, features={self.features.shape} {self.features.dtype})"
