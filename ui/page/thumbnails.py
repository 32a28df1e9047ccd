"""Small renditions of pictures and of moments, made when they are first asked for and kept as files."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retrieval.types import MediaKind
from ui.page.files import OpenFile

__all__ = ["SIZES", "Rendition", "RenditionMaker", "ThumbnailStore"]

SIZES = (480, 160, 1600)
"""Longest side in pixels: of a card, of a still along a video, and of a picture that the browser itself can't show. No
others are made, so that nobody fills the disk with sizes."""
_FILES_MOST = 20_000
_BYTES_MOST = 1_000_000_000
_KEPT_SHARE = 0.9
"""What is left after the oldest were removed."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """What to make: of the file at ``path``, at ``at_seconds`` of a video (None of a picture)."""

    path: bytes
    kind: MediaKind
    at_seconds: float | None
    size: int
    """Longest side in pixels."""


RenditionMaker = Callable[[Rendition], bytes]
"""Gives the JPEG; raises MediaError if the file can't be used."""


class ThumbnailStore:
    """A folder of JPEG files, bounded in number and size, oldest out. Safe to share between threads."""

    def __init__(
        self, folder: Path, make: RenditionMaker, *, files_most: int = _FILES_MOST, bytes_most: int = _BYTES_MOST
    ) -> None:
        """``folder`` is made when the first file is kept."""
        self._folder = folder
        self._make = make
        self._files_most = files_most
        self._bytes_most = bytes_most
        self._lock = threading.Lock()
        self._held: tuple[int, int] | None = None
        """Number of files and of bytes; None until the folder was first looked at."""

    def get(self, opened: OpenFile, at_seconds: float | None, size: int) -> bytes:
        """The JPEG of ``opened``, kept or made now.

        Raises:
            MediaError: it can't be made of this file.
        """
        at_milliseconds = None if at_seconds is None else round(at_seconds * 1000)
        at = "" if at_milliseconds is None else f"-{at_milliseconds}"
        kept = self._folder / opened.content_hash[:2] / f"{opened.content_hash}{at}-{size}.jpg"
        try:
            return kept.read_bytes()
        except OSError:
            pass  # not made yet, or removed since
        at_seconds = None if at_milliseconds is None else at_milliseconds / 1000
        content = self._make(Rendition(opened.path, opened.kind, at_seconds, size))
        self._keep(kept, content)
        return content

    def _keep(self, target: Path, content: bytes) -> None:
        """Under its final name only when it is whole. A full disk costs time, not the answer."""
        temporary = target.with_suffix(f".{secrets.token_hex(4)}.part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.write_bytes(content)
            temporary.replace(target)
        except OSError:
            with suppress(OSError):
                temporary.unlink()
            return
        with self._lock:
            self._count(len(content))

    def _count(self, added_bytes: int) -> None:
        if self._held is None:
            entries = self._entries()
            self._held = len(entries), sum(size for _, size, _ in entries)
        else:
            self._held = self._held[0] + 1, self._held[1] + added_bytes
        files, size_bytes = self._held
        if files > self._files_most or size_bytes > self._bytes_most:
            self._held = self._remove_oldest()

    def _remove_oldest(self) -> tuple[int, int]:
        entries = sorted(self._entries())
        files, size_bytes = len(entries), sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if files <= self._files_most * _KEPT_SHARE and size_bytes <= self._bytes_most * _KEPT_SHARE:
                break
            path.unlink(missing_ok=True)
            files, size_bytes = files - 1, size_bytes - size
        return files, size_bytes

    def _entries(self) -> list[tuple[float, int, Path]]:
        """(time of making, bytes, path) of every file, the leftovers of a kill among them."""
        found = []
        for path in self._folder.glob("??/*"):
            try:
                facts = os.stat(path)
            except FileNotFoundError:
                continue
            found.append((facts.st_mtime, facts.st_size, path))
        return found
