"""Every error that vidi raises on purpose.

VidiError                     an expected failure: its text is one line for a person
├── UsageError                the call itself is wrong (exit code 2)
├── LibraryError              the library folder or its catalog can't be used
│   ├── LibraryBusyError      another process is writing to it
│   └── CatalogVersionError   the catalog was written by a newer vidi
├── IndexFileError            a vector index file is missing, stale or damaged (it is rebuilt)
├── MediaError                one file can't be used; the run goes on
│   ├── BadMediaError         of the file: kept until its content, the limits or the decoder change
│   ├── MediaLimitError       of the file: it asks for more than the limits allow
│   ├── MissingDecoderError   of this machine: kept until the package that it names is installed
│   └── TransientMediaError   of the moment: tried again at the next run
├── QueryError                the query can't be answered as it is written
│   └── UnknownTagError       it asks for a tag that nothing has
├── ModelError                a model can't be had or used
│   ├── UnknownSpaceError     no space has that name
│   ├── WeightsError          weights are absent, damaged or of another model
│   └── MissingExtraError     an optional package isn't installed
├── DatasetError              a CSV of captions or labels can't be read
├── TrainingError             a training went where no number follows
├── NotFoundError             the library holds nothing of that number
├── AccessError               whoever asks the server may not have that
└── RemoteError               a vidi server refuses, or can't be reached

A message gives the value, what was expected, and the next step.
"""

from __future__ import annotations

__all__ = [
    "AccessError",
    "BadMediaError",
    "CatalogVersionError",
    "DatasetError",
    "IndexFileError",
    "LibraryBusyError",
    "LibraryError",
    "MediaError",
    "MediaLimitError",
    "MissingDecoderError",
    "MissingExtraError",
    "ModelError",
    "NotFoundError",
    "QueryError",
    "RemoteError",
    "TrainingError",
    "TransientMediaError",
    "UnknownSpaceError",
    "UnknownTagError",
    "UsageError",
    "VidiError",
    "WeightsError",
]


class VidiError(Exception):
    """An expected failure; ``str(error)`` is one line for a person."""


class UsageError(VidiError):
    """The call itself is wrong."""


class LibraryError(VidiError):
    """The library folder or its catalog can't be used."""


class LibraryBusyError(LibraryError):
    """Another process is writing to the library."""


class CatalogVersionError(LibraryError):
    """The catalog was written by a newer vidi."""


class IndexFileError(VidiError):
    """A vector index file is missing, stale or damaged. It is rebuilt from the catalog."""


class MediaError(VidiError):
    """One media file can't be used."""


class BadMediaError(MediaError):
    """The file's own fault: not tried again until its content, the limits or the decoder change."""


class MediaLimitError(MediaError):
    """The file asks for more memory, time, pixels or duration than the limits allow."""


class MissingDecoderError(MediaError):
    """An optional decoder isn't installed; the message names the install command. Tried again once it is."""


class TransientMediaError(MediaError):
    """The moment's fault (disk, permission, a busy machine): tried again at the next run."""


class QueryError(VidiError):
    """The query can't be answered as it is written. Where a place in it is at fault, two more lines show that."""


class UnknownTagError(QueryError):
    """The query asks for ``tag``, which nothing has."""

    def __init__(self, message: str, tag: str) -> None:
        super().__init__(message)
        self.tag = tag


class ModelError(VidiError):
    """A model can't be had or used."""


class UnknownSpaceError(ModelError):
    """No space has that name."""


class WeightsError(ModelError):
    """Weights are absent, damaged, or belong to another model."""


class MissingExtraError(ModelError):
    """An optional package isn't installed; the message names the install command."""


class DatasetError(VidiError):
    """A CSV of captions or labels can't be read."""


class TrainingError(VidiError):
    """A training left the numbers that can be computed with; what was finite is kept."""


class NotFoundError(VidiError):
    """The library holds nothing of that number."""


class AccessError(VidiError):
    """Whoever asks the server may not have that."""


class RemoteError(VidiError):
    """A vidi server refuses, or can't be reached."""

    def __init__(self, message: str, status: int | None = None) -> None:
        """``status``: of HTTP; None where no answer came."""
        super().__init__(message)
        self.status = status
