"""Small renditions of pictures and of moments, made when they are first asked for and kept as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from retrieval.media.files import FileStat
from retrieval.types import MediaKind
from ui.page.files import OpenFile
from ui.page.kept_files import KeptFiles

__all__ = ["SIZES", "Rendition", "RenditionMaker", "ThumbnailStore"]

SIZES = (480, 160, 1600)
"""Longest side in pixels: of a card, of a still along a video, and of a picture that the browser itself can't show. No
others are made, so that nobody fills the disk with sizes."""
_FILES_MOST = 20_000
_BYTES_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rendition:
    """What to make: of the file at ``path``, at ``at_seconds`` of a video (None of a picture).

    Nothing is made of another file that stands there by then: ``stat`` is that of the one that is meant.
    """

    path: bytes
    kind: MediaKind
    at_seconds: float | None
    size: int
    """Longest side in pixels."""
    stat: FileStat


RenditionMaker = Callable[[Rendition], bytes]
"""Gives the JPEG; raises MediaError if the file can't be used."""


class ThumbnailStore:
    """A folder of JPEG files, bounded in number and size, oldest out. Safe to share between threads."""

    def __init__(
        self, folder: Path, make: RenditionMaker, *, files_most: int = _FILES_MOST, bytes_most: int = _BYTES_MOST
    ) -> None:
        """``folder`` is made when the first file is kept."""
        self._make = make
        self._kept = KeptFiles(folder, files_most=files_most, bytes_most=bytes_most)

    def get(self, opened: OpenFile, at_seconds: float | None, size: int) -> bytes:
        """The JPEG of ``opened``, kept or made now.

        Raises:
            MediaError: it can't be made of this file.
        """
        if (kept := self.kept(opened, at_seconds, size)) is not None:
            return kept
        at = None if at_seconds is None else _milliseconds(at_seconds) / 1000
        content = self._make(Rendition(opened.path, opened.kind, at, size, opened.stat))
        self._kept.keep(_name(opened, at_seconds, size), content)
        return content

    def kept(self, opened: OpenFile, at_seconds: float | None, size: int) -> bytes | None:
        """The JPEG of ``opened`` if it is kept; None if it would have to be made."""
        try:
            return self._kept.path_of(_name(opened, at_seconds, size)).read_bytes()
        except OSError:
            return None  # not made yet, or removed since


def _name(opened: OpenFile, at_seconds: float | None, size: int) -> str:
    at = "" if at_seconds is None else f"-{_milliseconds(at_seconds)}"
    return f"{opened.content_hash}{at}-{size}.jpg"


def _milliseconds(seconds: float) -> int:
    """Moments are told apart by these."""
    return round(seconds * 1000)
