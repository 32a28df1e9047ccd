"""The speech expert: what is said, sentence by sentence, with its times: a machine transcript.

Only where a detector hears voices is anything transcribed, and what Whisper makes of music, noise and other languages
is left out (:mod:`retrieval.experts.credible`).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.credible import confidence_of, credible, faster
from retrieval.experts.over_time import Told
from retrieval.experts.text_vectors import TextVectors
from retrieval.media.pieces import SOUND_RATE, Piece, SoundPiece, Stream, as_floats
from retrieval.models.whisper import SILERO_WEIGHTS, WHISPER_WEIGHTS, Segment, Whisper, voiced
from retrieval.models.whisper_files import digest_of
from retrieval.types import Float32Array, TextSource, TimedText

__all__ = ["Speech", "utterances"]

_PAUSE_SECONDS: Final = 0.5
"""A pause so long parts two stretches of speech."""
_PAD_SECONDS: Final = 0.2
_LONGEST_SECONDS: Final = 25.0
"""Whisper hears thirty seconds at once."""
_HELD_SECONDS: Final = 60.0
"""So much sound is gathered before voices are looked for."""
_OPEN_SECONDS: Final = 1.0
"""Speech that reaches so near to the end of what is held may go on."""
_GAP_SECONDS: Final = 0.05


class Speech:
    """The expert. A feature is the vector ``[384]`` of one utterance; the utterances themselves come with it."""

    name: Final = str(TextSource.SPEECH)
    dim: Final = TextVectors.dim
    stream: Final = Stream.SOUND

    def __init__(self, whisper: Whisper, vectors: TextVectors) -> None:
        """Raises :class:`WeightsError` where the weights of another model than the packaged one can't be read."""
        self._whisper = whisper
        self._vectors = vectors
        digest = WHISPER_WEIGHTS.sha256 if whisper.folder is None else digest_of(whisper.folder)
        name, rules = ("whisper-tiny-en", 2) if whisper.folder is None else ("whisper", 3)
        self.version = f"{name}-{digest[:8]}-int8-silero-{SILERO_WEIGHTS.sha256[:4]}-{rules}+{TextVectors.version}"

    def load(self) -> None:
        """Load the models now.

        Raises:
            ModelError: they can't be had or used.
        """
        self._whisper.load()
        self._vectors.load()

    def begin(self) -> SpeechReading:
        """Begin to read a file."""
        return SpeechReading(self._whisper, self._vectors)


class SpeechReading:
    """One file, of which it holds a minute or two."""

    def __init__(self, whisper: Whisper, vectors: TextVectors) -> None:
        self._whisper = whisper
        self._vectors = vectors
        self._held: list[NDArray[np.int16]] = []
        self._held_samples = 0
        self._start_seconds = 0.0
        self._texts: list[TimedText] = []

    def add(self, piece: Piece) -> None:
        """Take the next sound."""
        assert isinstance(piece, SoundPiece)
        if piece.start_seconds > self._start_seconds + self._held_samples / SOUND_RATE + _GAP_SECONDS:
            self._hear(is_last=True)
        if not self._held:
            self._start_seconds = piece.start_seconds
        self._held.append(piece.samples)
        self._held_samples += len(piece.samples)
        if self._held_samples >= _HELD_SECONDS * SOUND_RATE:
            self._hear(is_last=False)

    def finish(self, duration_seconds: float) -> Told:
        """A row for each utterance that begins before the end."""
        self._hear(is_last=True)
        texts = [_within(text, duration_seconds) for text in self._texts if text.start_seconds < duration_seconds]
        return Told(self._vectors.track(texts), tuple(texts))

    def _hear(self, *, is_last: bool) -> None:
        """Transcribe what is held, less the speech that may go on, which stays."""
        if not self._held:
            return
        samples = np.concatenate(self._held)
        sound = as_floats(samples)
        keep_from = len(sound) if is_last else len(sound) - round(_OPEN_SECONDS * SOUND_RATE)
        for stretch in voiced(
            sound, longest_seconds=_LONGEST_SECONDS, pause_seconds=_PAUSE_SECONDS, pad_seconds=_PAD_SECONDS
        ):
            if stretch.stop > keep_from:
                keep_from = stretch.start
                break
            at = self._start_seconds + stretch.start / SOUND_RATE
            self._texts.extend(utterances(sound[stretch], self._whisper, at))
        self._held, self._held_samples = [samples[keep_from:]], len(samples) - keep_from
        self._start_seconds += keep_from / SOUND_RATE
        if is_last:
            self._held = []


def utterances(sound: Float32Array, whisper: Whisper, start_seconds: float = 0.0) -> list[TimedText]:
    """What is said in ``sound [n]``, -1 to 1 at 16 kHz and up to thirty seconds long, that begins at ``start_seconds``.

    Raises:
        ModelError: the model can't be had or used.
    """
    segments = whisper.transcribe(sound, words=True)
    kept = credible(segments, lambda: whisper.transcribe(faster(sound)))
    return [_timed(segment, start_seconds) for segment in kept]


def _timed(segment: Segment, start_seconds: float) -> TimedText:
    return TimedText(
        TextSource.SPEECH,
        start_seconds + segment.start_seconds,
        start_seconds + max(segment.start_seconds, segment.end_seconds),
        segment.text,
        confidence_of(segment),
        segment.language,
    )


def _within(text: TimedText, duration_seconds: float) -> TimedText:
    end = min(text.end_seconds, duration_seconds)
    return TimedText(text.source, text.start_seconds, end, text.text, text.confidence, text.language)
