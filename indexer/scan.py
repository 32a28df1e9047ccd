"""Finds media files under the paths that somebody named. Nothing is opened; only names and facts are read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.media.kinds import kind_of
from retrieval.store.intake import FoundFile

__all__ = ["Notice", "scan"]


@dataclass(frozen=True, slots=True)
class Notice:
    """Something under the roots that can't be looked at, and why."""

    path: bytes
    reason: str


def scan(roots: Iterable[bytes], *, library: Path | None = None) -> Iterator[FoundFile | Notice]:
    """Every media file at or below ``roots``, each once; folders in byte order.

    Symbolic links are followed, loops are not. Names that begin with a dot, and the folder ``library`` by whatever
    name it is reached, are passed over.
    """
    roots = list(dict.fromkeys(roots))
    named = set(roots)
    visited = {_identity(library.stat())} if library is not None and library.exists() else set()
    for root in roots:
        for found in _scan_path(root, visited):
            # A file that was named itself may also lie below another root.
            if found.path == root or found.path not in named:
                yield found


def _scan_path(root: bytes, visited: set[tuple[int, int]]) -> Iterator[FoundFile | Notice]:
    try:
        facts = os.stat(root)
    except OSError as error:
        yield Notice(root, f"can't be read ({error.strerror})")
        return
    if stat.S_ISDIR(facts.st_mode):
        yield from _scan_folder(root, facts, visited)
    elif kind_of(root) is None:
        yield Notice(root, "is not a picture, video or sound by its name")
    else:
        yield _file(root, facts)


def _scan_folder(top: bytes, facts: os.stat_result, visited: set[tuple[int, int]]) -> Iterator[FoundFile | Notice]:
    waiting = [(top, facts)]
    while waiting:
        folder, facts = waiting.pop()
        if _identity(facts) in visited:
            continue
        visited.add(_identity(facts))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            yield Notice(folder, f"can't be listed ({error.strerror})")
            continue
        below: list[tuple[bytes, os.stat_result]] = []
        while entries:  # let go of one by one: each keeps its facts, and there may be hundreds of thousands
            yield from _look_at(entries.pop(), below)
        waiting.extend(reversed(below))


def _identity(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino


def _look_at(entry: os.DirEntry[bytes], below: list[tuple[bytes, os.stat_result]]) -> Iterator[FoundFile | Notice]:
    if entry.name.startswith(b"."):
        return
    if kind_of(entry.name) is None and not _may_be_folder(entry):
        return
    try:
        facts = entry.stat()
    except OSError as error:
        yield Notice(entry.path, f"can't be read ({error.strerror})")
        return
    if stat.S_ISDIR(facts.st_mode):
        below.append((entry.path, facts))
    elif kind_of(entry.name) is not None:
        yield _file(entry.path, facts)


def _may_be_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _file(path: bytes, facts: os.stat_result) -> FoundFile | Notice:
    if not stat.S_ISREG(facts.st_mode):
        return Notice(path, "is not a regular file")
    kind = kind_of(path)
    assert kind is not None, path  # the callers asked
    return FoundFile(path, str(kind), facts.st_size, facts.st_mtime_ns, facts.st_ino)
