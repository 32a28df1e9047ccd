"""Sound as mono pieces of 16,000 samples a second, on the timeline of the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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
"""A stamp so much before the end of the last sound, or after it, is of a clock that was set anew, or damaged."""
BORNE_OUT_SECONDS: Final = 0.5
"""A clock is believed to be set anew once so much sound follows on by it: a packet with a damaged stamp may hold
several frames, which FFmpeg counts on from there."""
RATE_LEAST: Final = 1000
_OURS: Final = ("s16", "mono", SOUND_RATE)


@dataclass(slots=True)
class _Jump:
    """Frames whose stamps follow each other, and not what came before them: held back until it is clear why."""

    end_seconds: float
    """Where they end by their stamps."""
    frames: list[tuple[AudioFrame, float | None]] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, frame: AudioFrame, told: float | None) -> None:
        length = frame.samples / frame.sample_rate
        self.frames.append((frame, told))
        self.seconds += length
        self.end_seconds = (self.end_seconds if told is None else told) + length

    def leads_to(self, told: float, expected: float) -> bool:
        """Whether a frame goes on from them, rather than from what came before them: by that it is ``expected``."""
        gap = told - self.end_seconds
        return -SET_BACK_SECONDS <= gap <= NEAR_SECONDS and abs(gap) < abs(told - expected)

    @property
    def is_borne_out(self) -> bool:
        return len(self.frames) > 1 and self.seconds >= BORNE_OUT_SECONDS


class SoundReader:
    """Decodes one stream, packet by packet. What can't be decoded is left out, and the rest keeps its time.

    A stamp that can't be (past the limit, or apart from those before and after it) is not believed: its sound follows
    on what came before. ``damage`` counts these.
    """

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
        self._jump: _Jump | None = None
        self.damage = 0
        """Frames whose stamps were not believed."""
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
        if self._jump is not None:
            self._end_jump(is_believed=len(self._jump.frames) > 1)
        self._break_off()

    def _hear(self, frame: AudioFrame) -> None:
        if not frame.samples or frame.sample_rate < RATE_LEAST or self._is_over:
            return
        told = self._told(frame)
        if told is not None:  # else it goes on from whatever came before it
            self._judge(told)
        if self._jump is None:
            self._lay(frame, told)
            return
        self._jump.add(frame, told)
        if self._jump.is_borne_out:
            self._end_jump(is_believed=True)

    def _judge(self, told: float) -> None:
        """End a jump that the next stamp belies, and see one begin."""
        expected = self._end_seconds - self._shifted
        if self._jump is not None and not self._jump.leads_to(told, expected + self._jump.seconds):
            self._end_jump(is_believed=False)
            expected = self._end_seconds - self._shifted
        if self._jump is None and abs(told - expected) > SET_BACK_SECONDS:
            self._jump = _Jump(told)

    def _end_jump(self, *, is_believed: bool) -> None:
        frames, self._jump = self._jump.frames if self._jump else [], None
        self.damage += 0 if is_believed else sum(told is not None for _, told in frames)
        for frame, told in frames:
            self._lay(frame, told if is_believed else None)

    def _told(self, frame: AudioFrame) -> float | None:
        """Where a frame starts by its stamp, in seconds from the start of the file; None: by no stamp that can be."""
        if frame.time is None:
            return None
        told = float(frame.time) - self._start
        if self._shift is None:
            self._begin(told)
        if told + self._shifted <= self._limit:
            return told
        self.damage += 1
        return None

    def _begin(self, told: float) -> None:
        """The first stamp: a place near the start is believed, else the sound begins there."""
        is_near = -SET_BACK_SECONDS <= told <= NEAR_SECONDS
        self._shift = 0.0 if is_near else self._end_seconds - told
        if not self._end_seconds:
            self._end_seconds = max(0.0, told + self._shift)
            self._piece_start = round(self._end_seconds * SOUND_RATE)

    @property
    def _shifted(self) -> float:
        """What is added to the clock's seconds, since it was set back."""
        return self._shift or 0.0

    def _lay(self, frame: AudioFrame, told: float | None) -> None:
        """Give a frame its place, which is never before the end of the last."""
        at = self._end_seconds if told is None else told + self._shifted
        if at < self._end_seconds - SET_BACK_SECONDS:
            self._shift = self._shifted + self._end_seconds - at
            at = self._end_seconds
        if at > self._limit or self._is_over:
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
