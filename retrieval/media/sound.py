"""Sound as mono pieces of 16,000 samples a second, on the timeline of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from retrieval.media.container import DECODE_ERRORS
from retrieval.media.pieces import SOUND_RATE, SoundPiece

__all__ = ["SoundReader"]

PIECE_SAMPLES: Final = 5 * SOUND_RATE
NEAR_SECONDS: Final = 10.0
"""A first sound this near to the start of the file is believed to lie there; else it is the start."""
GAP_SECONDS: Final = 0.1
"""Sound that comes so much later than the last ended left a gap; what comes sooner follows on."""
SET_BACK_SECONDS: Final = 0.5
"""Sound that claims to come so much before the end of the last comes of a clock that was set back."""
RATE_LEAST: Final = 1000
_OURS: Final = ("s16", "mono", SOUND_RATE)


class SoundReader:
    """Decodes one stream, packet by packet. What can't be decoded is left out, and the rest keeps its time."""

    def __init__(
        self, stream: AudioStream, start_seconds: float, limit_seconds: float, emit: Callable[[SoundPiece], None]
    ) -> None:
        """``start_seconds``: what the stream's timestamps call the start of the file."""
        self._decoder = stream.codec_context
        self._start = start_seconds
        self._limit = limit_seconds
        self._emit = emit
        self._resampler = _resampler()
        self._form: tuple[str, str, int] | None = None
        """What the resampler was made for: format, layout and rate."""
        self._parts: list[NDArray[np.int16]] = []
        self._held = 0
        self._piece_start = 0
        """In samples, as all places here."""
        self._shift: float | None = None
        self._end_seconds = 0.0
        """Where the frames taken so far end."""
        self._is_over = self._decoder is None

    def take(self, packet: Packet[Stream] | None) -> None:
        """Decode the next packet; None: there are no more."""
        if self._is_over:
            return
        try:
            for frame in self._decoder.decode(packet):
                self._hear(frame)
        except MemoryError:
            raise
        except DECODE_ERRORS:
            return

    def finish(self) -> None:
        """The stream has ended: decode and give what is left."""
        self.take(None)
        self._break_off()

    def _hear(self, frame: AudioFrame) -> None:
        if not frame.samples or frame.sample_rate < RATE_LEAST or self._is_over:
            return
        at = self._mended(frame)
        if at > self._limit:
            self._is_over = True
            return
        if at > self._end_seconds + GAP_SECONDS:
            self._break_off()
            self._piece_start = round(at * SOUND_RATE)
            self._end_seconds = at
        self._end_seconds += frame.samples / frame.sample_rate
        self._resample(frame)
        while self._held >= PIECE_SAMPLES:
            self._give(PIECE_SAMPLES)

    def _mended(self, frame: AudioFrame) -> float:
        """Where a frame starts, in seconds from the start of the file."""
        told = None if frame.time is None else float(frame.time) - self._start
        if told is None:
            return self._end_seconds
        if self._shift is None:
            self._shift = 0.0 if abs(told) <= NEAR_SECONDS else -told
        at = told + self._shift
        if at < self._end_seconds - SET_BACK_SECONDS:
            self._shift += self._end_seconds - at
            at = self._end_seconds
        return at

    def _resample(self, frame: AudioFrame) -> None:
        form = (frame.format.name, frame.layout.name, frame.sample_rate)
        if form != self._form:
            self._flush()
            self._form = form
        frame.pts = None  # times are ours
        self._keep(self._resampler.resample(frame))

    def _flush(self) -> None:
        """Get what the resampler holds back, and take a new one."""
        old, form = self._resampler, self._form
        self._resampler, self._form = _resampler(), None
        if form != _OURS:  # else it holds nothing back
            self._keep(old.resample(None))

    def _keep(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            samples = frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)
            self._parts.append(samples)
            self._held += len(samples)

    def _give(self, count: int) -> None:
        held = np.concatenate(self._parts)
        self._emit(SoundPiece(self._piece_start / SOUND_RATE, held[:count]))
        self._piece_start += count
        self._parts, self._held = [held[count:]], len(held) - count

    def _break_off(self) -> None:
        """Give all that is held: nothing follows it directly."""
        self._flush()
        while self._held:
            self._give(min(self._held, PIECE_SAMPLES))
        self._parts = []


def _resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=SOUND_RATE)
