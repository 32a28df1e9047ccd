"""One tree of settings, passed down from the border where it was read; never global."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from retrieval.types import ClipForm, PictureForm

__all__ = ["IndexSettings", "MediaLimits", "SamplingSettings", "Settings", "cache_path", "library_path"]

MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What one file may ask of the machine before it is refused."""

    memory_bytes: int = 2048 * MEBIBYTE
    """Address space that one media worker may add to its own at start."""
    picture_seconds: float = 30.0
    """Wall-clock time for one picture."""
    video_seconds_base: float = 60.0
    """Wall-clock time without a new frame after which a video counts as hung."""
    pixels: int = 400_000_000
    """Width times height of one picture or video frame."""
    animation_pixels: int = 4_000_000_000
    """Width times height of all frames of an animated picture that are decoded: a minute or two of work."""
    duration_seconds: float = 24 * 3600.0
    """Length of one video or sound."""
    picture_bytes: int = 1024 * MEBIBYTE
    """Size of one picture file."""


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How frames are taken from video."""

    interval_seconds: float = 1.0
    """Time between looks at a video."""
    frame_size: int = 224
    """Side, in pixels, of the square that a frame is squashed to, for the choice of frames and for the experts."""
    form: PictureForm | None = None
    """What the expert wants to see in place of that square; it changes no choice of frames."""
    clips: ClipForm = field(default_factory=ClipForm)
    """What frames of clips are, where an expert reads them."""
    merge_difference: float = 6.0
    """Mean absolute difference (0 to 255, on a 16 x 16 grey thumbnail) under which neighbours are merged."""
    longest_span_seconds: float = 10.0
    """A kept frame stands for at most this long."""


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """How an index run uses the machine."""

    workers: int = field(default_factory=lambda: max(1, os.cpu_count() or 1))
    batch_size: int = 64
    """Frames that are encoded and embedded at once: one read of the heads' weights serves them all."""
    commit_seconds: float = 2.0
    """A batch is committed at least this often."""
    experts: tuple[str, ...] | None = None
    """Names of the experts over time that are asked of videos and sounds; None: all that can load here."""
    whisper_model: str | None = None
    """What transcribes: a folder or a name that faster-whisper knows, or ``tiny.en``, the packaged one, for English.
    The library keeps it; None: the one that it keeps, at first the packaged one."""
    expert_models: tuple[str, ...] = ()
    """Experts whose weights vidi doesn't ship, asked beside its own: each ``NAME=MODEL`` or ``NAME=MODEL:WEIGHTS``, as
    `vidi index --expert` takes it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one call."""

    limits: MediaLimits = field(default_factory=MediaLimits)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    index: IndexSettings = field(default_factory=IndexSettings)


def library_path(chosen: str | os.PathLike[str] | None = None) -> Path:
    """The library folder: ``chosen``, else ``VIDI_LIBRARY``, else the platform's user data folder."""
    named = chosen or os.environ.get("VIDI_LIBRARY")
    return Path(named).expanduser() if named else user_data_path("vidi", appauthor=False)


def cache_path() -> Path:
    """The folder of what can be made again, as graphs of models: ``VIDI_CACHE``, else the platform's."""
    named = os.environ.get("VIDI_CACHE")
    return Path(named).expanduser() if named else user_cache_path("vidi", appauthor=False)
