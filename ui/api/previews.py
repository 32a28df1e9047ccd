"""Preview clips of videos, made when they are first asked for and kept as files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import BadMediaError, UsageError
from retrieval.media.files import FileStat
from retrieval.media.tasks import Failed, PreviewMade, PreviewTask
from retrieval.media.worker import MediaWorkers
from retrieval.types import MediaKind
from ui.page.files import OpenFile
from ui.page.kept_files import KeptFiles

__all__ = ["Clip", "MakeClip", "PreviewStore", "make_clips_with"]

_FILES_MOST = 2_000
_BYTES_MOST = 2_000_000_000
_TYPE = "video/mp4"


@dataclass(frozen=True, slots=True)
class Clip:
    """What to make: ``[start_seconds, start_seconds + seconds)`` of the video at ``path``.

    Nothing is made of another file that stands there by then: ``stat`` is that of the one that is meant.
    """

    path: bytes
    start_seconds: float
    seconds: int
    stat: FileStat


MakeClip = Callable[[Clip], bytes]
"""Gives the MP4; raises MediaError if the file can't be used."""


def make_clips_with(workers: MediaWorkers) -> MakeClip:
    """A maker that asks ``workers``; it may be called by several threads at once."""

    def make(clip: Clip) -> bytes:
        match outcome := workers.run(PreviewTask(0, clip.path, clip.start_seconds, clip.seconds, clip.stat))[-1]:
            case PreviewMade():
                return outcome.mp4
            case Failed():
                raise outcome.error
            case _:
                raise BadMediaError(f"a preview was answered by {outcome!r}; please report this file")

    return make


class PreviewStore:
    """A folder of MP4 files, bounded in number and size, oldest out. Safe to share between threads."""

    def __init__(
        self, folder: Path, make: MakeClip, *, files_most: int = _FILES_MOST, bytes_most: int = _BYTES_MOST
    ) -> None:
        """``folder`` is made when the first file is kept."""
        self._make = make
        self._kept = KeptFiles(folder, files_most=files_most, bytes_most=bytes_most)

    def open(self, video: OpenFile, start_seconds: float, seconds: int) -> OpenFile:
        """The clip of ``video``, kept or made now, open for reading. Starts are told apart by tenths of a second.

        Raises:
            UsageError: the asset is no video.
            MediaError: it can't be made of this file.
        """
        if (kept := self.kept(video, start_seconds, seconds)) is not None:
            return kept
        content = self._make(Clip(video.path, _tenths(start_seconds) / 10, seconds, video.stat))
        self._kept.keep(_name(video, start_seconds, seconds), content)
        if (kept := self.kept(video, start_seconds, seconds)) is not None:
            return kept
        closing = ExitStack()  # a full disk: the answer is sent all the same
        file = closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 closed with the clip
        file.write(content)
        file.flush()
        return _clip(file, video, _name(video, start_seconds, seconds), closing)

    def kept(self, video: OpenFile, start_seconds: float, seconds: int) -> OpenFile | None:
        """The clip of ``video`` if it is kept; None if it would have to be made.

        Raises:
            UsageError: the asset is no video.
        """
        if video.kind is not MediaKind.VIDEO:
            raise UsageError(f"a {video.kind} has no preview clip; expected a video")
        name, closing = _name(video, start_seconds, seconds), ExitStack()
        try:
            file = closing.enter_context(self._kept.path_of(name).open("rb"))
        except OSError:
            return None  # not made yet, or removed since
        return _clip(file, video, name, closing)


def _name(video: OpenFile, start_seconds: float, seconds: int) -> str:
    return f"{video.content_hash}-{_tenths(start_seconds)}-{seconds}.mp4"


def _tenths(seconds: float) -> int:
    return round(seconds * 10)


def _clip(file: BinaryIO, video: OpenFile, name: str, closing: ExitStack) -> OpenFile:
    found = os.fstat(file.fileno())
    stat = FileStat(found.st_size, found.st_mtime_ns, found.st_ino)
    return OpenFile(file, video.path, video.kind, stat, name.removesuffix(".mp4"), _TYPE, closing)
