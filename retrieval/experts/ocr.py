"""The on-screen text expert: what is written in a video, while it stays there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from retrieval.experts.over_time import Told
from retrieval.experts.text_vectors import TextVectors
from retrieval.media.pieces import Piece, ScreenFrame, Stream
from retrieval.models.rapid_ocr import OCR_WEIGHTS, Line, RapidOcr
from retrieval.types import TextSource, TimedText

__all__ = ["Ocr"]

_CONFIDENCE_LEAST: Final = 0.8
"""Leaves, fences and grain are read too, less surely."""
_SIGNS_LEAST: Final = 2
"""Letters and digits of a line: a single one is as often a lamp post."""
_SAME: Final = 0.8
"""Likeness, 0 to 1, from which two readings are of one text, seen through noise."""


class Ocr:
    """The expert. A feature is the vector ``[384]`` of the text of one stretch; the texts themselves come with it."""

    name: Final = str(TextSource.OCR)
    version: Final = f"ppocr4-{OCR_WEIGHTS[0].sha256[:4]}{OCR_WEIGHTS[1].sha256[:4]}-1+{TextVectors.version}"
    dim: Final = TextVectors.dim
    stream: Final = Stream.SCREENS

    def __init__(self, reader: RapidOcr, vectors: TextVectors) -> None:
        self._reader = reader
        self._vectors = vectors

    def load(self) -> None:
        """Load the models now.

        Raises:
            ModelError: they can't be had or used.
        """
        self._reader.load()
        self._vectors.load()

    def begin(self) -> OcrReading:
        """Begin to read a file."""
        return OcrReading(self._reader, self._vectors)


@dataclass(slots=True)
class _Shown:
    """A text that is on the screen, in its surest reading."""

    text: str
    confidence: float
    start_seconds: float


class OcrReading:
    """One file."""

    def __init__(self, reader: RapidOcr, vectors: TextVectors) -> None:
        self._reader = reader
        self._vectors = vectors
        self._shown: _Shown | None = None
        self._texts: list[TimedText] = []

    def add(self, piece: Piece) -> None:
        """Take the next screen: what is on it stays until the next says otherwise."""
        assert isinstance(piece, ScreenFrame)
        lines = [line for line in self._reader.read(piece.pixels) if _is_text(line)]
        text = "\n".join(line.text.strip() for line in lines)
        shown = self._shown
        if shown is not None and text and _likeness(shown.text, text) >= _SAME:
            if (confidence := _confidence(lines)) > shown.confidence:
                shown.text, shown.confidence = text, confidence
            return
        self._end(piece.time_seconds)
        if text:
            self._shown = _Shown(text, _confidence(lines), piece.time_seconds)

    def finish(self, duration_seconds: float) -> Told:
        """A row for each stretch of one text."""
        self._end(duration_seconds)
        return Told(self._vectors.track(self._texts), tuple(self._texts))

    def _end(self, end_seconds: float) -> None:
        shown, self._shown = self._shown, None
        if shown is not None and shown.start_seconds < end_seconds:
            confidence = min(1.0, shown.confidence)
            self._texts.append(TimedText(TextSource.OCR, shown.start_seconds, end_seconds, shown.text, confidence))


def _is_text(line: Line) -> bool:
    return line.confidence >= _CONFIDENCE_LEAST and sum(sign.isalnum() for sign in line.text) >= _SIGNS_LEAST


def _confidence(lines: Sequence[Line]) -> float:
    return sum(line.confidence for line in lines) / len(lines)


def _likeness(before: str, after: str) -> float:
    return SequenceMatcher(None, before.casefold(), after.casefold(), autojunk=False).ratio()
