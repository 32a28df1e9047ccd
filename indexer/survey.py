"""Holds what the scan finds against what the catalog remembers: new, changed, unchanged, returned, missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from indexer.report import IndexReport
from indexer.scan import Notice, scan
from retrieval.paths import display_of
from retrieval.store.intake import FoundFile, Intake, KnownFile

__all__ = ["MISSING_SHARE_MOST", "Survey"]

MISSING_SHARE_MOST = 0.2
"""When more than this share of a root's files is gone, a drive is likelier than a decision: nothing is marked."""

_CHUNK = 500
_T = TypeVar("_T")


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class Survey:
    """One look at the roots. ``seen`` are the ids of the files that were found."""

    def __init__(self, intake: Intake, report: IndexReport, notice: Callable[[str], None]) -> None:
        self.seen: set[int] = set()
        self._intake = intake
        self._report = report
        self._notice = notice
        self._unreadable: list[bytes] = []

    def run(self, roots: Sequence[bytes], *, library: Path | None = None) -> None:
        """Scan ``roots`` (all but ``library``) and bring the catalog's files up to date, in small batches."""
        for chunk in _chunks(self._found(roots, library), _CHUNK):
            known = self._intake.known([file.path for file in chunk])
            self._take_in(chunk, known)

    def _found(self, roots: Sequence[bytes], library: Path | None) -> Iterator[FoundFile]:
        for found in scan(roots, library=library):
            if isinstance(found, Notice):
                self._unreadable.append(found.path)
                self._notice(f"{display_of(found.path)} {found.reason}; it was passed over")
            else:
                yield found

    def _take_in(self, chunk: list[FoundFile], known: dict[bytes, KnownFile]) -> None:
        new = [file for file in chunk if file.path not in known]
        old = [(known[file.path], file) for file in chunk if file.path in known]
        changed = [(before.id, file) for before, file in old if not before.is_same_as(file)]
        same = [before for before, file in old if before.is_same_as(file)]
        back = [before.id for before in same if not before.present]
        if new or changed or back:
            self.seen.update(self._intake.take_in(new, changed, back))
        self.seen.update(before.id for before, _ in old)
        self._report.new += len(new)
        self._report.changed += len(changed)
        self._report.unchanged += len(same)
        self._report.returned += len(back)

    def mark_missing(self, roots: Sequence[bytes]) -> None:
        """Hide the files that are gone from ``roots``; moved ones first, then the lost, unless they are too many."""
        for root in roots:
            self._mark_missing_under(root)

    def _mark_missing_under(self, root: bytes) -> None:
        if root in self._unreadable or not os.path.lexists(root):
            return
        believed = list(self._intake.present_under(root))
        gone = [file_id for file_id, path in believed if file_id not in self.seen and self._is_gone(path)]
        if not gone:
            return
        if len(gone) == len(believed) and os.path.isdir(root):
            self._notice(
                f"{display_of(root)} is empty though it held {len(gone)} files: is a drive away? "
                "They are kept as they were, and left out of answers while they are away"
            )
            return
        moved = self._moved(gone)
        lost = [file_id for file_id in gone if file_id not in moved]
        self._hide(sorted(moved))
        self._report.moved += len(moved)
        # A file at a new path was counted as a copy before its old path was found to be gone.
        self._report.copied = max(0, self._report.copied - len(moved))
        self._report.new = max(0, self._report.new - len(moved))
        if len(lost) > MISSING_SHARE_MOST * len(believed):
            self._notice(
                f"{len(lost)} of {len(believed)} files are gone from {display_of(root)}, more than a fifth: is a drive "
                "or folder away? They are kept as they were, and left out of answers while they are away"
            )
            return
        self._hide(lost)
        self._report.missing += len(lost)

    def _moved(self, gone: list[int]) -> set[int]:
        """Those of ``gone`` whose content is still at another path."""
        unreachable = set(gone)
        return {file_id for file_id, twin in self._intake.twins(gone) if twin not in unreachable}

    def _is_gone(self, path: bytes) -> bool:
        """Only a plain "there is no such file" counts: what can't be looked at may still be there."""
        if any(path == place or path.startswith(place.rstrip(b"/") + b"/") for place in self._unreadable):
            return False
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _hide(self, file_ids: list[int]) -> None:
        for chunk in _chunks(file_ids, _CHUNK):
            self._intake.mark_missing(chunk)
