"""Everything that touches a person's media files. Originals are only ever read.

Outside this package files are opened through :class:`MediaWorkers` alone, in processes of their own.
"""

from retrieval.media.files import FileStat, Identity
from retrieval.media.kinds import kind_of
from retrieval.media.tasks import (
    DecodedFrame,
    DecodedPiece,
    DecodeTask,
    Failed,
    Finished,
    Identified,
    IdentifyTask,
    Outcome,
    PreviewMade,
    PreviewTask,
    Task,
    ThumbnailMade,
    ThumbnailTask,
)
from retrieval.media.worker import MediaWorkers

__all__ = [
    "DecodeTask",
    "DecodedFrame",
    "DecodedPiece",
    "Failed",
    "FileStat",
    "Finished",
    "Identified",
    "IdentifyTask",
    "Identity",
    "MediaWorkers",
    "Outcome",
    "PreviewMade",
    "PreviewTask",
    "Task",
    "ThumbnailMade",
    "ThumbnailTask",
    "kind_of",
]
