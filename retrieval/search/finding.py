"""What one query finds in a space, as far down as a page asks: whoever looks deeper finds the same above."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from retrieval.search.candidates import Candidates, find_candidates
from retrieval.search.chances import JUDGED
from retrieval.search.fusion import JOINED_MOST, Ranking
from retrieval.search.heard import with_sounds
from retrieval.search.judging import Judge
from retrieval.search.open_spaces import OpenSpace
from retrieval.search.sight import Sight, SightJudge, WindowHits, sight_of
from retrieval.store.file_filter import FileFilter
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.selection import Selection
from retrieval.types import Float32Array

__all__ = ["Finder", "Seeing", "WindowFinder"]


class Finder:
    """Finds assets by one vector in one space, and has them judged."""

    def __init__(
        self,
        lookup: Lookup,
        opened: OpenSpace,
        vector: Float32Array,
        wanted: FileFilter,
        allowed: Selection | None,
        refused: Collection[int],
        judge: Judge,
    ) -> None:
        """See :func:`retrieval.search.candidates.find_candidates`; ``refused`` assets are never found."""
        self._lookup = lookup
        self.opened = opened
        self._vector = vector
        self._wanted = wanted
        self._allowed = allowed
        self._refused = refused
        self.judge = judge
        self._found: tuple[int, Candidates] | None = None

    def best(self, count: int) -> Candidates:
        """The ``count`` best. What was found for a deeper look is not looked for again."""
        if self._found is None or self._found[0] < count:
            self._found = count, self._find(count + len(self._refused))
        return self._found[1].first(count)

    def _find(self, count: int) -> Candidates:
        index = self.opened.index
        found = find_candidates(self._lookup, index, self._vector, self._wanted, count, self._allowed)
        return found.without(self._refused)


class WindowFinder:
    """Finds videos and sounds by their best windows."""

    def __init__(self, lookup: Lookup, windows: Finder, sounds: Finder | None) -> None:
        """``sounds`` finds these alone, where there are any."""
        self._lookup = lookup
        self._windows = windows
        self._sounds = sounds
        self.judge = windows.judge
        self._near: Candidates | None = None

    def best(self, count: int) -> WindowHits:
        """The ``count`` best, and of sounds as many."""
        count = max(count, JOINED_MOST)
        rows = [each.best(count) for each in (self._windows, self._sounds) if each is not None]
        if self._near is None:
            self._near = self._joined([row.first(JOINED_MOST) for row in rows])
        return WindowHits(self._near, [row.assets[JOINED_MOST:] for row in rows], all(row.is_all for row in rows))

    def _joined(self, rows: list[Candidates]) -> Candidates:
        windows, *sounds = rows
        asked = self._windows.judge.asked
        if not sounds or asked is None:
            return windows
        return with_sounds(self._windows.opened, asked.vector, windows, sounds[0], self._lookup)


class Seeing:
    """Finds by frames, and by the windows that join them."""

    def __init__(
        self, frames: Finder, windows: WindowFinder | None, lifted: Callable[[Candidates], Ranking], *, lifts: bool
    ) -> None:
        """``lifted``: see :func:`retrieval.search.sight.sight_of`; ``lifts`` if it may move anything. Then, and where
        windows join, no less is looked at than what is joined."""
        self._frames = frames
        self._windows = windows
        self._lifted = lifted
        self._least = JOINED_MOST if lifts or windows else JUDGED
        self.judge = SightJudge(frames.judge, windows.judge if windows else None)
        self._seen: tuple[int, Sight] | None = None

    def to(self, depth: int) -> Sight:
        """The first ``depth`` ranks at least, or all."""
        count = max(depth, self._least)
        if self._seen is None or self._seen[0] < count:
            windows = self._windows.best(count) if self._windows else None
            self._seen = count, sight_of(self._frames.best(count), windows, self.judge, self._lifted)
        return self._seen[1]

    @property
    def shares(self) -> Mapping[int, Mapping[str, float]]:
        """Of what was looked at so far; see :class:`retrieval.search.sight.Sight`."""
        return self._seen[1].shares if self._seen else {}

    def nearest(self) -> list[LiveAsset]:
        """Those that decide whether anything fits: the first by frames, and by windows."""
        near = self._frames.best(JUDGED).assets
        return [*near, *self._windows.best(JUDGED).found.assets[:JUDGED]] if self._windows else near
