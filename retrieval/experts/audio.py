"""The audio expert: how each second sounds, by the states of Whisper's encoder and the loudness of its mel bands.

Whisper hears sounds of all kinds, not speech alone, since its training made it tell them apart from speech (Gong et al.
2023, "Whisper-AT"). As there, windows last ten seconds and are not filled up to Whisper's thirty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from retrieval.experts.over_time import Told, track_of
from retrieval.media.pieces import SOUND_RATE, Piece, SoundPiece, Stream
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

_WINDOW_SECONDS: Final = 10
_SHORTEST_SECONDS: Final = 0.1
"""A rest shorter than this at the end gets no row."""
_BANDS: Final = 40  # of which level and spread are told: pairs of mel bands
_COLUMNS_PER_SECOND: Final = SOUND_RATE // HOP_SAMPLES
_STATES_PER_SECOND: Final = _COLUMNS_PER_SECOND // 2


class Audio:
    """The expert. A feature has 464 columns, of one second: the mean of the encoder's states (384), then of 40 bands
    the mean (40) and standard deviation (40) of the log10 of their power, as ``(power + 4) / 4``."""

    name: Final = "audio"
    version: Final = f"whisper-tiny-en-{WHISPER_WEIGHTS.sha256[:8]}-int8-mel-1"
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
    """One file, of which it holds one window."""

    def __init__(self, whisper: Whisper) -> None:
        self._whisper = whisper
        self._start = 0
        """Where the window starts, in whole seconds."""
        self._sound = np.zeros(_WINDOW_SECONDS * SOUND_RATE, np.float32)
        self._heard = np.zeros(_WINDOW_SECONDS * SOUND_RATE, np.bool_)
        self._rows: list[tuple[float, float, Float32Array]] = []

    def add(self, piece: Piece) -> None:
        """Take the next sound; what came before a gap is not mixed with what comes after it."""
        assert isinstance(piece, SoundPiece)
        sound = piece.samples.astype(np.float32) / 32768
        at = round(piece.start_seconds * SOUND_RATE)
        while len(sound):
            if at >= (self._start + _WINDOW_SECONDS) * SOUND_RATE:
                self._encode()
                self._start = at // SOUND_RATE // _WINDOW_SECONDS * _WINDOW_SECONDS
            place = at - self._start * SOUND_RATE
            count = min(len(sound), len(self._sound) - place)
            self._sound[place : place + count] = sound[:count]
            self._heard[place : place + count] = True
            sound, at = sound[count:], at + count

    def finish(self, duration_seconds: float) -> Told:
        """A row ``[k, k + 1)`` for each second that was heard; the last may be shorter."""
        self._encode()
        return Told(track_of(self._rows, Audio.dim, duration_seconds))

    def _encode(self) -> None:
        count = int(np.flatnonzero(self._heard)[-1]) + 1 if self._heard.any() else 0
        if count >= _SHORTEST_SECONDS * SOUND_RATE:
            heard = self._heard.reshape(_WINDOW_SECONDS, SOUND_RATE).sum(axis=1)
            for second, row in audio_features(self._sound[:count], self._whisper):
                if heard[second] >= _SHORTEST_SECONDS * SOUND_RATE:
                    start = float(self._start + second)
                    self._rows.append((start, min(start + 1, self._start + count / SOUND_RATE), row))
        self._sound[:], self._heard[:] = 0, False


def audio_features(sound: Float32Array, whisper: Whisper) -> Iterator[tuple[int, Float32Array]]:
    """Each second of ``sound [n]``, -1 to 1 at 16 kHz and up to ten seconds long, with its feature ``[464]``.

    Raises:
        ModelError: the model can't be had or used.
    """
    mel = log_mel(sound)
    mel = mel[:, : mel.shape[1] // 2 * 2]
    states = whisper.states(whisper_input(mel))
    bands = (mel.reshape(_BANDS, MEL_BANDS // _BANDS, -1).mean(axis=1) + 4) / 4
    for second in range(-(-mel.shape[1] // _COLUMNS_PER_SECOND)):
        of_second = states[second * _STATES_PER_SECOND : (second + 1) * _STATES_PER_SECOND]
        levels = bands[:, second * _COLUMNS_PER_SECOND : (second + 1) * _COLUMNS_PER_SECOND]
        yield second, np.concatenate([of_second.mean(axis=0), levels.mean(axis=1), levels.std(axis=1)])
