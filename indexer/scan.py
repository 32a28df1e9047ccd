"""Finds media files under the paths that somebody named. Nothing is opened; only names and facts are read.

Whatever it meets is yielded or counted: nothing is passed over in silence.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.companions import Companion, FoundPair, companions, companions_of
from indexer.tally import Tally
from indexer.territory import FolderId, Territory
from retrieval.media.kinds import kind_of
from retrieval.store.intake import FoundFile

__all__ = ["Blocked", "Found", "Notice", "scan"]

NOT_REGULAR = "is not a regular file but a pipe, socket or device; expected a file with content"
DANGLING = "is a link to what isn't there; is a drive or folder away?"


@dataclass(frozen=True, slots=True)
class Notice:
    """A place under the roots that can't be looked into, and why."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """An entry with a media name that can't be read as it is, and why."""

    path: bytes
    kind: str
    reason: str


Found = FoundFile | Blocked | Notice | Companion


def scan(
    roots: Iterable[bytes],
    *,
    library: Path | None = None,
    tally: Tally | None = None,
    territory: Territory | None = None,
) -> Iterator[Found]:
    """Every media file at or below ``roots``, each once; folders in byte order.

    Files that belong to media by their names, such as sidecars, are given with what they belong to. Symbolic links are
    followed, loops are not. Names that begin with a dot, and files whose name promises no media,
    are counted in ``tally``; the folder ``library``, by whatever name it is reached, is passed over. ``territory``
    remembers the path under which each folder was seen, from this scan to the next.
    """
    roots = list(dict.fromkeys(roots))
    named = set(roots)
    visited = {_identity(library.stat())} if library is not None and library.exists() else set()
    look = _Look(visited, tally or Tally(), territory or Territory())
    for root in roots:
        for found in look.at(root):
            # A file that was named itself may also lie below another root.
            if found.path == root or found.path not in named or isinstance(found, FoundPair):
                yield found


class _Look:
    """One scan over several roots."""

    def __init__(self, visited: set[FolderId], tally: Tally, territory: Territory) -> None:
        self._visited = visited
        self._tally = tally
        self._territory = territory
        self._beside: set[bytes] = set()
        """Files that belong to media, and so are none of the others."""

    def at(self, root: bytes) -> Iterator[Found]:
        kind = kind_of(root)
        try:
            facts = os.stat(root)
        except OSError as error:
            reason = _reason(root, error)
            is_there = kind is not None and os.path.lexists(root)
            yield Blocked(root, str(kind), reason) if is_there else Notice(root, reason)
            return
        if stat.S_ISDIR(facts.st_mode):
            yield from self._folder(root, facts)
        elif kind is None:
            self._tally.count_other(root)
            yield Notice(root, "is not a picture, video or sound by its name")
        else:
            yield _file(root, str(kind), facts)
            yield from companions_of(root)

    def _folder(self, top: bytes, facts: os.stat_result) -> Iterator[Found]:
        waiting = [(top, facts)]
        while waiting:
            folder, facts = waiting.pop()
            identity = _identity(facts)
            if identity in self._visited or not self._territory.claim(folder, identity):
                continue
            self._visited.add(identity)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError as error:
                yield Notice(folder, f"can't be listed ({error.strerror})")
                continue
            below: list[tuple[bytes, os.stat_result]] = []
            for beside in companions(folder, [entry.name for entry in entries if not entry.name.startswith(b".")]):
                yield beside
                self._beside.add(beside.path)
            for entry in entries:
                yield from self._entry(entry, below)
            waiting.extend(reversed(below))

    def _entry(self, entry: os.DirEntry[bytes], below: list[tuple[bytes, os.stat_result]]) -> Iterator[Found]:
        if entry.name.startswith(b"."):
            self._tally.count_hidden(entry.path)
            return
        kind = kind_of(entry.name)
        try:
            if kind is None and not entry.is_dir():
                yield from self._other(entry)
                return
            facts = entry.stat()
        except OSError as error:
            if os.path.lexists(entry.path) or not isinstance(error, FileNotFoundError):  # else it went just now
                reason = _reason(entry.path, error)
                yield Notice(entry.path, reason) if kind is None else Blocked(entry.path, str(kind), reason)
            return
        if stat.S_ISDIR(facts.st_mode):
            below.append((entry.path, facts))
        elif kind is not None:
            yield _file(entry.path, str(kind), facts)

    def _other(self, entry: os.DirEntry[bytes]) -> Iterator[Notice]:
        """No media by its name; unless it is a link that may lead to a folder of them, when its drive is back."""
        if entry.is_symlink() and not os.path.exists(entry.path):
            yield Notice(entry.path, DANGLING)
        elif entry.path not in self._beside:
            self._tally.count_other(entry.path)


def _identity(facts: os.stat_result) -> FolderId:
    return facts.st_dev, facts.st_ino


def _reason(path: bytes, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and os.path.islink(path):
        return DANGLING
    return f"can't be read ({error.strerror})"


def _file(path: bytes, kind: str, facts: os.stat_result) -> FoundFile | Blocked:
    if not stat.S_ISREG(facts.st_mode):
        return Blocked(path, kind, NOT_REGULAR)
    return FoundFile(path, kind, facts.st_size, facts.st_mtime_ns, facts.st_ino)
