"""What every expert over time offers: it reads one stream of a decoded file, and gives a track and perhaps words.

Each file has a reading of its own, which takes pieces in the order of time and keeps little of them, so that memory
does not grow with the length of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np

from retrieval.media.pieces import Piece, Stream
from retrieval.settings import SamplingSettings
from retrieval.types import ClipForm, FeatureTrack, Float32Array, TimedText

__all__ = ["Reading", "ReadsClips", "TimeExpert", "Told", "sampling_for", "title_of", "track_of"]


@dataclass(frozen=True, slots=True)
class Told:
    """What one expert says of one file. A track of no rows: it looked, and there was nothing."""

    track: FeatureTrack
    texts: Sequence[TimedText] = field(default_factory=tuple)


class Reading(Protocol):
    """One file, read by one expert; not shared by threads."""

    def add(self, piece: Piece, /) -> None:
        """Take the next piece of the expert's stream.

        Raises:
            ModelError: the model can't be had or used.
        """

    def finish(self, duration_seconds: float, /) -> Told:
        """The file has ended. Rows lie within ``[0, duration_seconds)``, in the order of time.

        Raises:
            ModelError: the model can't be had or used.
        """


@runtime_checkable
class TimeExpert(Protocol):
    """An expert of video and sound. Its facts are known without loading its model; several threads may use it."""

    @property
    def name(self) -> str:
        """Such as ``motion``."""

    @property
    def version(self) -> str:
        """Changes whenever the same input would give another track."""

    @property
    def dim(self) -> int:
        """Width of a feature."""

    @property
    def stream(self) -> Stream:
        """What it reads of a file."""

    def load(self) -> None:
        """Load the model now, where the first piece would wait for it.

        Raises:
            ModelError: it can't be had or used.
        """

    def begin(self) -> Reading:
        """Begin to read a file."""


@runtime_checkable
class ReadsClips(Protocol):
    """An expert of clips: it says what frames of them are to be."""

    @property
    def clips(self) -> ClipForm:
        """The form of a frame."""


def sampling_for(experts: Sequence[TimeExpert], sampling: SamplingSettings) -> SamplingSettings:
    """``sampling``, with frames of clips in the form that the one of ``experts`` wants that reads them, if any does."""
    forms = [expert.clips for expert in experts if isinstance(expert, ReadsClips)]
    return replace(sampling, clips=forms[0]) if forms else sampling


def title_of(expert: TimeExpert) -> str:
    """What messages call it: its name, and its model too, where vidi doesn't ship that."""
    return str(getattr(expert, "title", expert.name))


def track_of(rows: Sequence[tuple[float, float, Float32Array]], dim: int, duration_seconds: float) -> FeatureTrack:
    """A track, features float16, of ``rows``: start, end and ``[dim]``; those past the end of the file are left out."""
    within = [(start, min(end, duration_seconds), row) for start, end, row in rows if start < duration_seconds]
    times = np.array([(start, end) for start, end, _ in within], np.float32).reshape(-1, 2)
    features = np.array([row for *_, row in within], np.float32).reshape(-1, dim)
    return FeatureTrack(times, features.astype(np.float16))
