"""A folder of files that can be made again, bounded in number and size, oldest out."""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["KeptFiles"]

_KEPT_SHARE = 0.9
"""What is left after the oldest were removed."""


class KeptFiles:
    """Files by name, in folders named by their first two letters. Safe to share between threads."""

    def __init__(self, folder: Path, *, files_most: int, bytes_most: int) -> None:
        """``folder`` is made when the first file is kept."""
        self._folder = folder
        self._files_most = files_most
        self._bytes_most = bytes_most
        self._lock = threading.Lock()
        self._held: tuple[int, int] | None = None
        """Number of files and of bytes; None until the folder was first looked at."""

    def path_of(self, name: str) -> Path:
        """Where the file called ``name`` lies, or would."""
        return self._folder / name[:2] / name

    def keep(self, name: str, content: bytes) -> None:
        """Under its final name only when it is whole. A full disk costs time, not the answer."""
        target = self.path_of(name)
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
