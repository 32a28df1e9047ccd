"""Holds what the scan finds against what the catalog remembers: new, changed, unchanged, returned, missing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from indexer.companions import Companion, FoundPair, FoundSidecar
from indexer.gone import is_gone
from indexer.report import Accounts, IndexReport
from indexer.scan import Blocked, Notice, scan
from indexer.tally import Tally
from indexer.territory import Territory
from retrieval.paths import display_of
from retrieval.store.intake import FoundFile, Intake, KnownFile
from retrieval.store.looks import FileState, Looks, TroubledPlace

__all__ = ["MISSING_SHARE_MOST", "Survey"]

MISSING_SHARE_MOST = 0.2
"""When more than this share of a root's files is gone, a drive is likelier than a decision: nothing is marked."""

_CHUNK = 500
_NOTICES_MOST = 20
"""So many lines about single places; the rest are counted, and listed by `vidi status --failed`."""
_T = TypeVar("_T")


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


class Survey:
    """One look at the roots, or at some places below them. ``seen`` are the ids of the files that were found."""

    def __init__(
        self,
        intake: Intake,
        looks: Looks,
        report: IndexReport,
        notice: Callable[[str], None],
        hold: Container[bytes] = frozenset(),
    ) -> None:
        """Files in ``hold`` are left as they are for now."""
        self.seen: set[int] = set()
        self.blocked: set[int] = set()
        """Those of ``seen`` that can't be read as they are."""
        self.companions: list[Companion] = []
        """Sidecars, and what may be part of another file."""
        self.tally = Tally()
        self._intake = intake
        self._looks = looks
        self._report = report
        self._notice = notice
        self._hold = hold
        self._new: set[int] = set()
        self._unreadable: set[bytes] = set()
        self._troubles: list[TroubledPlace] = []
        self._lines = 0

    def run(
        self,
        roots: Sequence[bytes],
        *,
        library: Path | None = None,
        territory: Territory | None = None,
        whole: bool = True,
    ) -> None:
        """Scan ``roots`` (all but ``library``) and bring the catalog's files up to date, in small batches.

        Where they are not ``whole`` roots but changed places below them, what lies beside media is not counted anew.
        """
        self.tally = Tally(roots)
        for chunk in _chunks(self._found(roots, library, territory), _CHUNK):
            known = self._intake.known([file.path for file in chunk])
            self._take_in([file for file in chunk if isinstance(file, FoundFile)], known)
            self._block([file for file in chunk if isinstance(file, Blocked)], known)
        self._looks.replace_troubles(roots, self._troubles)
        if whole:
            self._looks.keep(self.tally.by_root())
        if self._lines > _NOTICES_MOST:
            more = self._lines - _NOTICES_MOST
            self._notice(f"{more:,} more were passed over; see each with `vidi status --failed`")

    def accounts(self) -> Accounts:
        """Where everything that was seen stands now."""
        states = self._looks.states(self.seen)
        return Accounts(
            found=len(self.seen),
            indexed=states[FileState.INDEXED],
            failed=states[FileState.FAILED],
            waiting=states[FileState.WAITING],
            parts=states[FileState.PART],
            others=dict(self.tally.others.most_common()),
            hidden=self.tally.hidden,
            troubled_places=len(self._troubles),
        )

    def _found(
        self, roots: Sequence[bytes], library: Path | None, territory: Territory | None
    ) -> Iterator[FoundFile | Blocked]:
        for found in scan(roots, library=library, tally=self.tally, territory=territory):
            if isinstance(found, FoundSidecar | FoundPair):
                self.companions.append(found)
                continue
            if isinstance(found, Notice):
                self._unreadable.add(found.path)
                self._troubles.append(TroubledPlace(found.path, found.reason))
            if not isinstance(found, FoundFile):
                self._say(f"{display_of(found.path)} {found.reason}; it was passed over")
            if not isinstance(found, Notice) and found.path not in self._hold:
                yield found

    def _say(self, line: str) -> None:
        self._lines += 1
        if self._lines <= _NOTICES_MOST:
            self._notice(line)

    def _take_in(self, chunk: list[FoundFile], known: dict[bytes, KnownFile]) -> None:
        new = [file for file in chunk if file.path not in known]
        old = [(known[file.path], file) for file in chunk if file.path in known]
        changed = [(before.id, file) for before, file in old if not before.is_same_as(file)]
        same = [before for before, file in old if before.is_same_as(file)]
        back = [before.id for before in same if not before.present]
        if new or changed or back:
            made = self._intake.take_in(new, changed, back)
            self._new.update(made)
            self.seen.update(made)
        if same:
            self._looks.unblock([before.id for before in same])
        self.seen.update(before.id for before, _ in old)
        self._report.new += len(new)
        self._report.changed += len(changed)
        self._report.unchanged += len(same)
        self._report.returned += len(back)

    def _block(self, chunk: list[Blocked], known: dict[bytes, KnownFile]) -> None:
        """They have a row each, with the reason; what one held when it could be read is kept."""
        if not chunk:
            return
        new = [file for file in chunk if file.path not in known]
        old = [known[file.path] for file in chunk if file.path in known]
        back = [file.id for file in old if not file.present]
        made = self._intake.take_in([FoundFile(file.path, file.kind, 0, 0, 0) for file in new], [], back)
        ids = dict(zip((file.path for file in new), made, strict=True)) | {file.path: file.id for file in old}
        self._looks.block({ids[file.path]: file.reason for file in chunk})
        self.blocked.update(ids.values())
        self.seen.update(ids.values())
        self._report.new += len(new)
        self._report.unchanged += len(old)
        self._report.returned += len(back)
        self._report.failed += len(chunk)

    # -- what is gone ----------------------------------------------------------------------------------------

    def mark_missing(self, roots: Sequence[bytes], places: Sequence[bytes] | None = None) -> None:
        """Hide the files that are gone from ``roots``; moved ones first, then the lost, unless they are too many.

        With ``places`` only what lies at or below them is looked at, and held against all of its root.
        """
        for root in roots:
            self._mark_missing_under(root, [root] if places is None else [p for p in places if _is_in(p, root)])

    def _mark_missing_under(self, root: bytes, places: Sequence[bytes]) -> None:
        if not places or root in self._unreadable or not os.path.lexists(root):
            return
        believed = {file_id: path for place in places for file_id, path in self._intake.present_under(place)}
        gone = [file_id for file_id, path in believed.items() if file_id not in self.seen and self._is_gone(path)]
        if not gone:
            return
        held = len(believed) if places == [root] else self._intake.count_present_under(root)
        if len(gone) == held and os.path.isdir(root):
            self._hold_back(
                root,
                f"is empty though it held {len(gone):,} file{'' if len(gone) == 1 else 's'}: is a drive away? "
                "They are kept as they were, and left out of answers while they are away",
            )
            return
        moved, arrived, linked = self._moved(gone)
        lost = [file_id for file_id in gone if file_id not in moved]
        self._hide(sorted(moved))
        self._report.moved += len(moved)
        # A file at a new path was counted as new and as a copy before its old path was found to be gone.
        self._report.copied = max(0, self._report.copied - linked)
        self._report.new = max(0, self._report.new - arrived)
        if len(lost) > MISSING_SHARE_MOST * held:
            self._hold_back(
                root,
                f"lacks {len(lost):,} of its {held:,} files, more than a fifth: is a drive or folder away? They are "
                "kept as they were, and left out of answers while they are away; if you removed them yourself, "
                "see `vidi forget --missing PATH`",
            )
            return
        self._hide(lost)
        self._report.missing += len(lost)

    def _hold_back(self, root: bytes, reason: str) -> None:
        """Nothing is marked, and both this run and `vidi status --failed` say so."""
        self._notice(f"{display_of(root)} {reason}")
        trouble = TroubledPlace(root, reason)
        self._troubles.append(trouble)
        self._looks.add_trouble(trouble)

    def _moved(self, gone: list[int]) -> tuple[set[int], int, int]:
        """Those of ``gone`` whose content is still at another path; a part goes where its main file went.

        With how many of them are at a path that this look found new, and how many of these for their own content.
        """
        unreachable = set(gone)
        assets = self._intake.assets_of(gone)
        twins = [
            (asset_id, twin)
            for asset_id, twin in self._intake.present_files_of(sorted(set(assets.values())))
            if twin not in unreachable
        ]
        elsewhere = {asset_id for asset_id, _ in twins}
        moved = {file_id for file_id, asset_id in assets.items() if asset_id in elsewhere}
        arrivals = Counter(asset_id for asset_id, twin in twins if twin in self._new)
        arrived: set[int] = set()
        for file_id in sorted(moved):
            if arrivals[assets[file_id]] > 0:
                arrivals[assets[file_id]] -= 1
                arrived.add(file_id)
        mains = {part: main for part, main in self._intake.mains_of(gone).items() if main in moved}
        with_main = mains.keys() - arrived
        return (
            moved | mains.keys(),
            len(arrived) + sum(mains[part] in arrived for part in with_main),
            len(arrived),
        )

    def _is_gone(self, path: bytes) -> bool:
        if self._unreadable and any(place in self._unreadable for place in _above(path)):
            return False
        return is_gone(path)

    def _hide(self, file_ids: list[int]) -> None:
        for chunk in _chunks(file_ids, _CHUNK):
            self._intake.mark_missing(chunk)


def _is_in(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root.rstrip(b"/") + b"/")


def _above(path: bytes) -> Iterator[bytes]:
    """``path`` itself, and every folder above it."""
    yield path
    while (parent := os.path.dirname(path)) != path:
        yield parent
        path = parent
