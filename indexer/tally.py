"""Counts what lies beside media files, for each root."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable

from retrieval.paths import display_of
from retrieval.store.looks import Beside

__all__ = ["Tally"]

_SUFFIX_MOST = 16


class Tally:
    """Files that promise no media, by suffix, and hidden names; under several roots, they count for the outermost."""

    def __init__(self, roots: Iterable[bytes] = ()) -> None:
        """Without roots, everything counts for one nameless root."""
        self._roots = set(roots)
        self._others: defaultdict[bytes, Counter[str]] = defaultdict(Counter)
        self._hidden: Counter[bytes] = Counter()
        self._outermost: dict[bytes, bytes] = {}

    def count_other(self, path: bytes) -> None:
        """A file whose name promises no media."""
        suffix = display_of(os.path.splitext(path)[1].lower())
        self._others[self._root_of(path)][suffix if len(suffix) <= _SUFFIX_MOST else ""] += 1

    def count_hidden(self, path: bytes) -> None:
        """A file or folder whose name begins with a dot."""
        self._hidden[self._root_of(path)] += 1

    def by_root(self) -> dict[bytes, Beside]:
        """What was counted for each root; nothing, for those inside another."""
        return {root: Beside(self._others[root], self._hidden[root]) for root in self._roots or {b""}}

    @property
    def others(self) -> Counter[str]:
        """By suffix, under all roots."""
        return sum(self._others.values(), Counter())

    @property
    def hidden(self) -> int:
        """Under all roots."""
        return self._hidden.total()

    def _root_of(self, path: bytes) -> bytes:
        folder = os.path.dirname(path)
        if folder not in self._outermost:
            above = [root for root in self._roots if _is_at_or_below(path, root)]
            self._outermost[folder] = min(above, key=len, default=b"")
        return self._outermost[folder]


def _is_at_or_below(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(root.rstrip(b"/") + b"/")
