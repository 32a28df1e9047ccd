"""Sees what changes under folders: told by the system where it can tell, by looking again where it can't."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from indexer.companions import FoundSidecar
from indexer.scan import Blocked, scan
from retrieval.store.intake import FoundFile

__all__ = ["Eye", "NotifiedEye", "PollingEye", "UnwatchableError", "is_remote", "mounts_below"]

_DEBOUNCE_MILLISECONDS = 500
_STEP_MILLISECONDS = 50
_IN_DELETE_SELF = 0x400
_REMOTE_TYPES = frozenset(("9p", "afs", "ceph", "cifs", "davfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"))
_MOUNTS = Path("/proc/self/mountinfo")


class UnwatchableError(Exception):
    """The system can't tell of changes here; ``str(error)`` says why."""


class Eye(Protocol):
    """Something that sees changes."""

    def changes(self, seconds: float) -> set[bytes]:
        """Paths at which something changed, came or went; after ``seconds`` at most, perhaps none.

        Raises:
            UnwatchableError: it sees nothing more, and may have missed something.
        """
        ...

    def close(self) -> None:
        """See nothing more."""
        ...


class NotifiedEye:
    """The system tells of each change (inotify, by watchfiles). It sees from the moment it is made."""

    def __init__(self, folders: Sequence[bytes], seconds: float) -> None:
        """Looks at most ``seconds`` at a time.

        Raises:
            UnwatchableError: too many folders, or a file system that tells nothing.
        """
        from watchfiles import watch  # a run that does not watch need not load it

        self._told: Iterator[set[tuple[Any, str]]] = watch(
            *map(os.fsdecode, folders),
            watch_filter=None,
            debounce=_DEBOUNCE_MILLISECONDS,
            step=_STEP_MILLISECONDS,
            rust_timeout=max(1, round(seconds * 1000)),
            yield_on_timeout=True,
            force_polling=False,
            ignore_permission_denied=True,
        )
        self._early = self._next()  # the generator begins to watch when it is first asked
        if not _may_watch_one_more():  # watchfiles passes over folders that it could not watch
            self.close()
            raise UnwatchableError("the limit of watched folders is reached")

    def changes(self, seconds: float) -> set[bytes]:
        early, self._early = self._early, set()
        return early or self._next()

    def close(self) -> None:
        self._told.close()  # type: ignore[attr-defined]

    def _next(self) -> set[bytes]:
        try:
            told = next(self._told)
        except StopIteration as error:
            raise KeyboardInterrupt from error
        except (OSError, RuntimeError) as error:
            raise UnwatchableError(str(error)) from error
        return {os.fsencode(path) for _, path in told}


def _may_watch_one_more() -> bool:
    """Whether inotify has room left: then it had room for all before."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "inotify_init1"):
        return True
    descriptor = libc.inotify_init1(os.O_CLOEXEC)
    if descriptor < 0:
        return False
    try:
        is_added = libc.inotify_add_watch(descriptor, b"/", _IN_DELETE_SELF) >= 0
        return is_added or ctypes.get_errno() != errno.ENOSPC
    finally:
        os.close(descriptor)


class PollingEye:
    """Looks at all names and facts again and again; never more than a tenth of the time."""

    def __init__(self, folders: Sequence[bytes], every_seconds: float, library: Path | None) -> None:
        self._folders = folders
        self._every_seconds = every_seconds
        self._library = library
        self._seen = self._look()

    def changes(self, seconds: float) -> set[bytes]:
        wait = self._due - time.monotonic()
        time.sleep(max(0.0, min(wait, seconds)))
        if wait > seconds:
            return set()
        before, self._seen = self._seen, self._look()
        return {path for path in before.keys() | self._seen.keys() if before.get(path) != self._seen.get(path)}

    def close(self) -> None:
        self._seen = {}

    def _look(self) -> dict[bytes, object]:
        began = time.monotonic()
        found: dict[bytes, object] = {
            item.path: _state_of(item)
            for item in scan(self._folders, library=self._library)
            if isinstance(item, FoundFile | FoundSidecar | Blocked)
        }
        took = time.monotonic() - began
        self._due = began + took + max(self._every_seconds, 9 * took)
        return found


def _state_of(item: FoundFile | FoundSidecar | Blocked) -> object:
    if isinstance(item, FoundFile):
        return item.size_bytes, item.modified_ns, item.inode
    if isinstance(item, Blocked):
        return item.reason
    try:
        facts = os.stat(item.path)
    except OSError as error:
        return error.errno
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def is_remote(path: bytes) -> bool:
    """Whether ``path`` lies on a share of the network, whose changes by others the system does not tell."""
    on = max((mount for mount in _mounts() if _is_in(os.path.realpath(path), mount[0])), key=lambda m: len(m[0]))
    return on[1] in _REMOTE_TYPES or on[1].startswith("fuse.")


def mounts_below(path: bytes) -> frozenset[tuple[bytes, str]]:
    """What is mounted at ``path`` or below it: a drive that comes or goes there tells nothing by itself."""
    return frozenset(mount for mount in _mounts() if _is_in(mount[0], path))


def _mounts() -> list[tuple[bytes, str]]:
    """(where, type) of every mount; only the root where the system doesn't list them."""
    try:
        lines = _MOUNTS.read_bytes().splitlines()
    except OSError:
        return [(b"/", "")]
    mounts = [(b"/", "")]
    for line in lines:
        before, _, after = line.partition(b" - ")
        where = before.split()[4].decode("unicode_escape").encode("latin-1")  # a space in a name is written \040
        mounts.append((where, after.split()[0].decode("ascii", "replace")))
    return mounts


def _is_in(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
