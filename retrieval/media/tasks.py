"""What media workers are asked, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval.errors import MediaError, TransientMediaError
from retrieval.media.files import FileStat, Identity, MediaPath
from retrieval.media.pieces import MediaPiece, Stream
from retrieval.types import Frame, MediaFacts, MediaKind, Words

__all__ = [
    "PARTIAL",
    "DecodeTask",
    "DecodedFrame",
    "DecodedPiece",
    "Failed",
    "Finished",
    "Identified",
    "IdentifyTask",
    "Outcome",
    "PreviewMade",
    "PreviewTask",
    "ProbeTask",
    "Probed",
    "Task",
    "ThumbnailMade",
    "ThumbnailTask",
]


@dataclass(frozen=True, slots=True)
class IdentifyTask:
    """Know a file by its content: ends with :class:`Identified`."""

    key: int
    path: MediaPath


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """What ``streams`` name of a file of that kind: :class:`DecodedFrame` and :class:`DecodedPiece`, then
    :class:`Finished`."""

    key: int
    path: MediaPath
    kind: MediaKind
    is_still: bool = False
    """Of an animated picture, the first frame alone is wanted, as a picture."""
    streams: frozenset[Stream] = frozenset({Stream.FRAMES})
    """What is wanted of a video or sound, in one pass; pictures and animated ones give frames alone."""


@dataclass(frozen=True, slots=True)
class ThumbnailTask:
    """A small JPEG of a picture, or of a video at a moment: ends with :class:`ThumbnailMade`."""

    key: int
    path: MediaPath
    longest_side: int
    time_seconds: float | None = None
    """The moment of a video or an animated picture; None for the first there is."""
    meant: FileStat | None = None
    """The state of the file that is meant: nothing is made of another that lies there by then. None: of any."""


@dataclass(frozen=True, slots=True)
class PreviewTask:
    """A small H.264 clip of ``[start_seconds, start_seconds + seconds)`` of a video: ends with :class:`PreviewMade`."""

    key: int
    path: MediaPath
    start_seconds: float
    seconds: float
    meant: FileStat | None = None
    """As of :class:`ThumbnailTask`."""


@dataclass(frozen=True, slots=True)
class ProbeTask:
    """What a file says in words, without decoding its pixels: ends with :class:`Probed`."""

    key: int
    path: MediaPath
    kind: MediaKind | None
    """None for an XMP sidecar."""


@dataclass(frozen=True, slots=True)
class Identified:
    """Closes an :class:`IdentifyTask`."""

    key: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """One kept frame; those of one task come in the order of time."""

    key: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class DecodedPiece:
    """Something for an expert over time; those of one stream come in the order of time, well mixed with the others."""

    key: int
    piece: MediaPiece


@dataclass(frozen=True, slots=True)
class Finished:
    """Closes a :class:`DecodeTask`. ``stat`` is the file's state when it was opened for this."""

    key: int
    facts: MediaFacts
    stat: FileStat
    note: str | None = None
    """What a person should know of the file though it was used, as that it is cut short."""


@dataclass(frozen=True, slots=True)
class ThumbnailMade:
    """Closes a :class:`ThumbnailTask`."""

    key: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class PreviewMade:
    """Closes a :class:`PreviewTask`."""

    key: int
    mp4: bytes


@dataclass(frozen=True, slots=True)
class Probed:
    """Closes a :class:`ProbeTask`. ``stat`` is the file's state when it was opened for this."""

    key: int
    words: Words
    stat: FileStat
    duration_seconds: float | None = None
    """What the header of a video or sound promises."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Closes any task: the file can't be used."""

    key: int
    error: MediaError

    @property
    def reason(self) -> str:
        """One line for a person."""
        return str(self.error)

    @property
    def is_permanent(self) -> bool:
        """Whether trying again is useless until the file, the limits or the decoder change."""
        return not isinstance(self.error, TransientMediaError)


Task = IdentifyTask | DecodeTask | ThumbnailTask | PreviewTask | ProbeTask
Outcome = Identified | DecodedFrame | DecodedPiece | Finished | ThumbnailMade | PreviewMade | Probed | Failed
PARTIAL = (DecodedFrame, DecodedPiece)
"""Outcomes that close no task."""
