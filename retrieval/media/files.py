"""Opening a person's file, read-only, and knowing it by its content."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from blake3 import blake3

from retrieval.errors import BadMediaError, TransientMediaError

__all__ = ["FileStat", "Identity", "MediaPath", "OpenMedia", "identify", "open_media"]

MediaPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]

CHUNK_BYTES = 1 << 20
NOT_A_FILE = "not a regular file but a folder, pipe or device; expected a file with content"


@dataclass(frozen=True, slots=True)
class FileStat:
    """What tells that a file was not changed since it was last looked at."""

    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A file's content, known by its BLAKE3 hash (32 bytes), and its state when it was read."""

    content_hash: bytes
    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """An open file, its state at that instant, and the name under which it was opened."""

    file: BinaryIO
    stat: FileStat
    path: MediaPath

    def head(self, size: int) -> bytes:
        """Its first bytes, wherever the file is read at."""
        return os.pread(self.file.fileno(), size, 0)

    @property
    def by_descriptor(self) -> str:
        """A path to this open file for libraries that want one: no name, of whatever bytes, can mislead them."""
        return f"/dev/fd/{self.file.fileno()}"

    def check_readable(self) -> None:
        """Raises OSError if the disk no longer gives the file's beginning and end.

        Decoders report disk errors of their own making where the data are damaged.
        """
        for at in (0, self.stat.size_bytes - 1):
            os.pread(self.file.fileno(), 1, at)

    def check_is(self, meant: FileStat | None) -> None:
        """Raises TransientMediaError if another file was opened than the one that is meant, where one is."""
        if meant not in (None, self.stat):
            raise TransientMediaError(
                "the file was changed or replaced since it was looked for; index its folder again"
            )

    def check_unchanged(self) -> None:
        """Raises TransientMediaError if the file was written to since it was opened."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.stat.size_bytes, self.stat.mtime_ns):
            raise TransientMediaError("the file changed while it was read; it is tried again at the next run")


def nothing() -> None:
    """Progress that nobody follows."""


@contextmanager
def open_media(path: MediaPath) -> Iterator[OpenMedia]:
    """Open a regular, non-empty file for reading; disk errors inside the block are translated too.

    Raises:
        BadMediaError: it is empty, or not a regular file.
        TransientMediaError: it vanished, may not be read, or the disk failed.
    """
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer that may never come.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            yield OpenMedia(file, _checked_stat(os.fstat(descriptor)), path)
    except IsADirectoryError as exc:
        raise BadMediaError(NOT_A_FILE) from exc
    except FileNotFoundError as exc:
        raise TransientMediaError("the file vanished before it could be read; index again if it returns") from exc
    except PermissionError as exc:
        raise TransientMediaError("the file may not be read; grant read permission and index again") from exc
    except OSError as exc:
        raise TransientMediaError(f"reading failed ({exc.strerror or exc}); check the disk and index again") from exc


def _checked_stat(found: os.stat_result) -> FileStat:
    if not stat.S_ISREG(found.st_mode):
        raise BadMediaError(NOT_A_FILE)
    if found.st_size == 0:
        raise BadMediaError("the file is empty (0 bytes); copy it again from its source")
    return FileStat(found.st_size, found.st_mtime_ns, found.st_ino)


def identify(path: MediaPath, on_progress: Callable[[], None] = nothing) -> Identity:
    """Hash a file's content in bounded memory. ``on_progress`` is called after each chunk.

    Raises:
        BadMediaError: the file is empty, or not a regular file.
        TransientMediaError: the file vanished, may not be read, or changed while it was read.
    """
    with open_media(path) as media:
        hasher = blake3()
        read_bytes = 0
        while chunk := media.file.read(CHUNK_BYTES):
            hasher.update(chunk)
            read_bytes += len(chunk)
            on_progress()
        media.check_unchanged()
        if read_bytes != media.stat.size_bytes:
            raise TransientMediaError(
                f"the file changed while it was read ({media.stat.size_bytes} bytes, then {read_bytes}); index again"
            )
        return Identity(hasher.digest(), media.stat.size_bytes, media.stat.mtime_ns, media.stat.inode)
