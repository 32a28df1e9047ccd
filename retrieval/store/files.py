"""How every file and folder of a library comes to be: whole or not at all, even if power fails; and the locks."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from retrieval.errors import LibraryBusyError, LibraryError

__all__ = ["cannot_write", "hold_lock", "make_folder", "replacing", "sync_folder"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives the path of an empty file, for its owner alone; at the end it is synced and takes the name ``path``.

    However the block ends, or the machine, ``path`` holds all that was written or what it held before. A kill
    leaves ``.<name>.<pid>.part`` behind.

    Raises:
        LibraryError: the disk is full or can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        make_folder(path.parent)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        try:
            yield temporary
            _sync(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """Make ``folder`` with ``mode`` and the folders above it that are missing, each synced into the one above.

    Raises:
        OSError: it can't be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """What was made in or renamed into ``folder`` survives a power failure."""
    with suppress(PermissionError):  # a folder that may be written but not listed can't be opened for this
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError) -> LibraryError:
    """The system's refusal to write ``path`` or to remove it, in our words."""
    if error.errno in _FULL:
        advice = "make room on its disk and run the command again: what was finished is kept"
    elif error.errno in _FORBIDDEN:
        advice = "see who may write there, or choose another library with --library DIR"
    else:
        advice = "check its disk and run the command again: what was finished is kept"
    return LibraryError(f"{path} can't be written ({error.strerror or error}); {advice}")


@contextmanager
def hold_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock file ``path``; the system lets go of it however this process ends.

    Raises:
        LibraryBusyError: another process holds it, and ``wait`` is False.
        LibraryError: the library can't be written.
    """
    library = path.parent
    try:
        file = path.open("a+")
    except OSError as error:
        raise LibraryError(
            f"the library {library} can't be written ({error.strerror}); choose another with --library DIR"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise LibraryBusyError(
                f"another vidi is writing to the library {library}; wait until it is done, or choose another library"
            ) from error
        yield
