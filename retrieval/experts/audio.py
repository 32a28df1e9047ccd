"""The audio expert: how each second sounds, by the states of Whisper's encoder and the loudness of its mel bands.

Whisper hears sounds of all kinds, not speech alone, since its training made it tell them apart from speech (Gong et al.
2023, "Whisper-AT"). Its states also tell where in the window they stand, more loudly than what sounds there: so each
second is heard in the middle of a window of its own, with the second before and the second after it. Of 220 short
sounds mixed again at other times into other noise, 70 % find themselves so, against 11 % in windows of ten seconds.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from retrieval.experts.over_time import Told, track_of
from retrieval.media.pieces import SOUND_RATE, Piece, SoundPiece, Stream, as_floats
from retrieval.models.whisper import (
    HOP_SAMPLES,
    MEL_BANDS,
    STATE_WIDTH,
    WHISPER_WEIGHTS,
    Whisper,
    log_mel,
    whisper_input,
)
from retrieval.types import Float32Array

__all__ = ["Audio", "audio_features"]

_BATCH: Final = 8
"""Seconds that are encoded at once."""
_SHORTEST_SECONDS: Final = 0.1
"""A rest shorter than this at the end gets no row."""
_BANDS: Final = 40  # of which level and spread are told: pairs of mel bands
_COLUMNS_PER_SECOND: Final = SOUND_RATE // HOP_SAMPLES
_STATES_PER_SECOND: Final = _COLUMNS_PER_SECOND // 2


class Audio:
    """The expert. A feature has 464 columns, of one second: the mean of the encoder's states (384), then of 40 bands
    the mean (40) and standard deviation (40) of the log10 of their power, as ``(power + 4) / 4``."""

    name: Final = "audio"
    version: Final = f"whisper-tiny-en-{WHISPER_WEIGHTS.sha256[:8]}-int8-mel-2"
    dim: Final = STATE_WIDTH + 2 * _BANDS
    stream: Final = Stream.SOUND

    def __init__(self, whisper: Whisper) -> None:
        self._whisper = whisper

    def load(self) -> None:
        """Load the model now.

        Raises:
            ModelError: it can't be had or used.
        """
        self._whisper.load()

    def begin(self) -> AudioReading:
        """Begin to read a file."""
        return AudioReading(self._whisper)


class AudioReading:
    """One file, of which it holds ten seconds: a batch, the second before it and the second after."""

    def __init__(self, whisper: Whisper) -> None:
        self._whisper = whisper
        self._start = 0
        """The first second that is not encoded."""
        self._sound = np.zeros((_BATCH + 2, SOUND_RATE), np.float32)
        self._heard = np.zeros((_BATCH + 2, SOUND_RATE), np.bool_)
        self._rows: list[tuple[float, float, Float32Array]] = []

    def add(self, piece: Piece) -> None:
        """Take the next sound."""
        assert isinstance(piece, SoundPiece)
        sound = as_floats(piece.samples)
        at = round(piece.start_seconds * SOUND_RATE)
        while len(sound):
            place = at - (self._start - 1) * SOUND_RATE
            if place >= self._sound.size:
                self._encode()
                self._advance(to=at // SOUND_RATE)
                continue
            count = min(len(sound), self._sound.size - place)
            self._sound.reshape(-1)[place : place + count] = sound[:count]
            self._heard.reshape(-1)[place : place + count] = True
            sound, at = sound[count:], at + count

    def finish(self, duration_seconds: float) -> Told:
        """A row ``[k, k + 1)`` for each second that was heard; the last may be shorter."""
        self._encode()
        self._advance(to=self._start + _BATCH)
        self._encode()
        return Told(track_of(self._rows, Audio.dim, duration_seconds))

    def _encode(self) -> None:
        heard = self._heard[1:-1]
        seconds = np.flatnonzero(heard.sum(axis=1) >= _SHORTEST_SECONDS * SOUND_RATE)
        if not len(seconds):
            return
        windows = np.stack([self._sound[second : second + 3].reshape(-1) for second in seconds])
        for second, row in zip(seconds.tolist(), audio_features(windows, self._whisper), strict=True):
            start = float(self._start + second)
            last = int(np.flatnonzero(heard[second])[-1]) + 1
            self._rows.append((start, start + last / SOUND_RATE, row))

    def _advance(self, to: int) -> None:
        """What was encoded makes room; ``to``: the second that comes next, which may be far off."""
        by = min(_BATCH, len(self._sound))
        for held in (self._sound, self._heard):
            held[:-by], held[-by:] = held[by:], 0
        self._start += _BATCH
        if to > self._start + _BATCH:  # after a gap nothing held is near
            self._encode()
            self._sound[:], self._heard[:] = 0, False
            self._start = to


def audio_features(windows: Float32Array, whisper: Whisper) -> Float32Array:
    """The features ``[n, 464]`` of the seconds in the middle of ``windows [n, 48000]``, -1 to 1 at 16 kHz.

    Raises:
        ModelError: the model can't be had or used.
    """
    mels = np.stack([log_mel(window) for window in windows])  # [n, 80, 300]
    inputs = np.stack([whisper_input(mel) for mel in mels])
    states = whisper.states(inputs)[:, _STATES_PER_SECOND : 2 * _STATES_PER_SECOND]
    middles = mels[:, :, _COLUMNS_PER_SECOND : 2 * _COLUMNS_PER_SECOND]
    bands = (middles.reshape(len(windows), _BANDS, MEL_BANDS // _BANDS, -1).mean(axis=2) + 4) / 4
    return np.concatenate([states.mean(axis=1), bands.mean(axis=2), bands.std(axis=2)], axis=1)
