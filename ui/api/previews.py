"""Preview clips of videos, made when they are first asked for and kept as files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import BadMediaError, UsageError
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
    """What to make: ``[start_seconds, start_seconds + seconds)`` of the video at ``path``."""

    path: bytes
    start_seconds: float
    seconds: int


MakeClip = Callable[[Clip], bytes]
"""Gives the MP4; raises MediaError if the file can't be used."""


def make_clips_with(workers: MediaWorkers) -> MakeClip:
    """A maker that asks ``workers``; it may be called by several threads at once."""

    def make(clip: Clip) -> bytes:
        match outcome := workers.run(PreviewTask(0, clip.path, clip.start_seconds, clip.seconds))[-1]:
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
        if video.kind is not MediaKind.VIDEO:
            raise UsageError(f"a {video.kind} has no preview clip; expected a video")
        tenths = round(start_seconds * 10)
        name = f"{video.content_hash}-{tenths}-{seconds}.mp4"
        path = self._kept.path_of(name)
        try:
            return _opened(path, video)
        except OSError:
            pass  # not made yet, or removed since
        content = self._make(Clip(video.path, tenths / 10, seconds))
        self._kept.keep(name, content)
        try:
            return _opened(path, video)
        except OSError:  # a full disk: the answer is sent all the same
            closing = ExitStack()
            file = closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 closed with the clip
            file.write(content)
            file.flush()
            return OpenFile(file, video.path, video.kind, len(content), path.stem, _TYPE, closing)


def _opened(path: Path, video: OpenFile) -> OpenFile:
    closing = ExitStack()
    file = closing.enter_context(path.open("rb"))
    return OpenFile(file, video.path, video.kind, os.fstat(file.fileno()).st_size, path.stem, _TYPE, closing)
