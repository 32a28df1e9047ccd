"""Animated pictures (GIF, WebP, APNG, AVIF) as the short videos that they are, one frame in memory at a time.

Pillow composes them: it knows what each frame leaves of the one before (disposal, blending), and FFmpeg doesn't read
all of these formats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from retrieval.errors import MediaError
from retrieval.media.attention import Attention, Reason
from retrieval.media.exif import orientation_of
from retrieval.media.opening import OpenPicture
from retrieval.media.picture import encode_thumbnail, facts_of, fitted, rendered, upright_picture
from retrieval.media.shots import SIGNATURE_SIZE, signature
from retrieval.media.spans import Look, kept_frames
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaFacts, MediaKind

__all__ = ["AnimationSummary", "animation_thumbnail", "sample_animation"]

SHORTEST_HOLD_SECONDS = 0.01
USUAL_HOLD_SECONDS = 0.1
"""What browsers make of a frame that claims the shortest hold, or none: it would flicker by unseen."""
LONGEST_HOLD_SECONDS = 60.0
"""A frame that claims to stand for hours stands for a minute: nobody waits for it, and spans would pile up."""
LEAST_FRAME_PIXELS = 4096
"""A frame costs at least as much work as this many pixels."""


@dataclass(frozen=True, slots=True)
class AnimationSummary:
    """What was learnt of it: its facts, and what a person should know, if anything."""

    facts: MediaFacts
    note: str | None = None


def sample_animation(
    picture: OpenPicture, sampling: SamplingSettings, limits: MediaLimits, on_progress: Callable[[], None]
) -> Generator[Frame, None, AnimationSummary]:
    """Kept frames in the order of time, as of a video; where there is but one frame after all, it is a picture.

    Work stops at the limits (``animation_pixels``, ``duration_seconds``), and at the first damaged frame; the note
    says so. Whatever the decoder raises at the very first frame goes on.
    """
    film = _Film(picture, limits)
    for frame in kept_frames(_looks(film, sampling, on_progress), sampling, lambda: film.end_seconds):
        yield frame if film.frames > 1 else Frame(frame.pixels)
        if film.frames == 1:
            break
    facts = facts_of(picture, is_turned=film.orientation >= 5)
    if film.frames > 1:
        codec = "apng" if picture.codec == "png" else picture.codec
        rate = film.frames / film.end_seconds
        duration = film.end_seconds
        facts = replace(facts, kind=MediaKind.VIDEO, duration_seconds=duration, frame_rate=rate, codec=codec)
    return AnimationSummary(facts, film.note)


def animation_thumbnail(
    picture: OpenPicture, time_seconds: float, longest_side: int, limits: MediaLimits, on_progress: Callable[[], None]
) -> bytes:
    """A JPEG of what is seen at ``time_seconds``, or of the last frame that can be decoded."""
    film = _Film(picture, limits)
    size = fitted(*picture.image.size, longest_side)
    found: Image.Image | None = None
    for image in film.play():
        on_progress()
        if film.end_seconds > time_seconds:
            return encode_thumbnail(upright_picture(rendered(image, size), film.orientation))
        found = image
    assert found is not None  # `play` gives a frame, or raises
    return encode_thumbnail(upright_picture(rendered(found, size), film.orientation))


class _Film:
    """Plays an animated picture once; the fields tell of what was played so far."""

    def __init__(self, picture: OpenPicture, limits: MediaLimits) -> None:
        self._image = picture.image
        self._told_orientation = picture.orientation
        self._limits = limits
        self.frames = 0
        self.start_seconds = 0.0
        """When the newest frame comes."""
        self.end_seconds = 0.0
        """When it goes."""
        self.orientation = 1
        self.note: str | None = None

    def play(self) -> Iterator[Image.Image]:
        """Each frame whole, composed upon those before it; it is overwritten by the next."""
        image = self._image
        number = 1 if image.info.get("default_image") else 0
        pixels = max(image.width * image.height, LEAST_FRAME_PIXELS)
        while self._has_next(number):
            self.orientation = self._told_orientation or orientation_of(image.getexif())
            self.start_seconds, self.end_seconds = self.end_seconds, self.end_seconds + _hold(image)
            self.frames += 1
            yield image
            number += 1
            if (
                self.frames * pixels >= self._limits.animation_pixels
                or self.end_seconds >= self._limits.duration_seconds
            ):
                self.note = f"a long animation: its first {self.end_seconds:.1f} s ({self.frames} frames) were used"
                return

    def _has_next(self, number: int) -> bool:
        """Decode frame ``number``, if there is one."""
        try:
            try:
                self._image.seek(number)
            except EOFError:
                if not self.frames:
                    raise
                return False
            self._image.load()
        except (MediaError, MemoryError):
            raise
        except Exception as exc:
            if not self.frames or (isinstance(exc, OSError) and exc.errno is not None):
                raise
            self.note = f"damaged or cut short after {self.end_seconds:.1f} s ({exc}), the rest was used"
            return False
        return True


def _looks(film: _Film, sampling: SamplingSettings, on_progress: Callable[[], None]) -> Iterator[Look]:
    attention = Attention(sampling.interval_seconds)
    size = (sampling.frame_size, sampling.frame_size)
    for image in film.play():
        on_progress()
        now = film.start_seconds
        seen = signature(np.asarray(rendered(image, SIGNATURE_SIZE)))
        # Wanted is what is on the screen when a look is due.
        reason = attention.judge(now, seen, is_wanted=film.end_seconds > attention.due)
        if reason is not None:
            small = upright_picture(rendered(image, size), film.orientation)
            yield Look(now, np.asarray(small), reason is Reason.CUT)


def _hold(image: Image.Image) -> float:
    """How long the present frame stands, in seconds."""
    told = image.info.get("duration", 0)
    seconds = float(told) / 1000 if isinstance(told, int | float) else 0.0
    if not math.isfinite(seconds) or seconds <= SHORTEST_HOLD_SECONDS:
        return USUAL_HOLD_SECONDS
    return min(seconds, LONGEST_HOLD_SECONDS)
