"""Remembers under which path each folder was scanned, since links make several ways to one."""

from __future__ import annotations

import os

__all__ = ["FolderId", "Territory"]

FolderId = tuple[int, int]
"""Device and inode."""


class Territory:
    """The folders that were scanned, by device and inode; kept from the first whole scan through all later parts."""

    def __init__(self) -> None:
        self._paths: dict[FolderId, bytes] = {}

    def claim(self, folder: bytes, identity: FolderId) -> bool:
        """Scan ``folder`` under this path; False where it is still reached by another one, under which it was seen."""
        known = self._paths.get(identity)
        if known is not None and known != folder and _leads_to(known, identity):
            return False
        self._paths[identity] = folder
        return True

    def place_of(self, path: bytes) -> bytes | None:
        """Where a scan would find what changed at ``path``: a file or folder right below a folder that was scanned.

        A change below a folder that was not scanned yet is one of that folder. None where no scan looks: in what
        is hidden, or outside.
        """
        while True:
            parent, name = os.path.split(path)
            if parent == path:
                return None
            if (seen := self._seen_at(parent)) is not None:
                return None if name.startswith(b".") else os.path.join(seen, name)
            path = parent

    def _seen_at(self, folder: bytes) -> bytes | None:
        try:
            facts = os.stat(folder)
        except OSError:
            return None
        identity = facts.st_dev, facts.st_ino
        known = self._paths.get(identity)
        return known if known is not None and _leads_to(known, identity) else None


def _leads_to(path: bytes, identity: FolderId) -> bool:
    try:
        facts = os.stat(path)
    except OSError:
        return False
    return (facts.st_dev, facts.st_ino) == identity
