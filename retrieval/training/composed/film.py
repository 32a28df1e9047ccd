"""Writing composed clips as video: H.264 and AAC in MP4, small and quick to make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from retrieval.training.composed.camera import FRAME_HEIGHT, FRAME_RATE, FRAME_WIDTH, frames_of
from retrieval.training.composed.parts import Clip
from retrieval.training.composed.sounds import SAMPLE_RATE, heard_wave
from retrieval.training.heads_file import unfinished
from retrieval.types import Float32Array

__all__ = ["write_clip", "write_film", "write_sound"]

_FRAMES_OF_SOUND: Final = 1024


def write_clip(clip: Clip, path: Path) -> None:
    """The whole clip as a video file; half a file is never seen.

    Raises:
        OSError: a photograph or sound can't be read, or the file can't be written.
    """
    frames = (frame for event in clip.events for frame in frames_of(event.shot, event.seconds))
    wave = np.concatenate([heard_wave(event.heard, event.seconds) for event in clip.events]) if clip.has_sound else None
    write_film(frames, wave, path)


def write_film(frames: Iterable[NDArray[np.uint8]], wave: Float32Array | None, path: Path) -> None:
    """Frames ``[240, 320, 3]``, ten a second, and the sound under them (None: no sound track)."""
    with unfinished(path) as part, av.open(str(part), "w") as container:
        # A key frame a second: the decoder can look at any second without those before it.
        options = {"preset": "ultrafast", "crf": "20", "g": str(FRAME_RATE)}
        video = container.add_stream("libx264", rate=FRAME_RATE, options=options)
        video.width, video.height, video.pix_fmt, video.thread_count = FRAME_WIDTH, FRAME_HEIGHT, "yuv420p", 1
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if wave is not None else None
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAME_RATE)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None and wave is not None:
            for piece in _sound_frames(wave):
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))


def write_sound(wave: Float32Array, path: Path) -> None:
    """A sound alone, as WAV."""
    with unfinished(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for piece in _sound_frames(wave):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def _sound_frames(wave: Float32Array) -> Iterator[av.AudioFrame]:
    for start in range(0, len(wave), _FRAMES_OF_SOUND):
        part = np.ascontiguousarray(wave[None, start : start + _FRAMES_OF_SOUND])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield frame
