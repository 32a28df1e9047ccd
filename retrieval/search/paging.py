"""One page of a ranking, in which near-identical pictures stand behind the first of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from retrieval.search.folding import LOOKED_PAST
from retrieval.search.fusion import Ranked

__all__ = ["Page", "Ranks", "page_of"]


@dataclass(frozen=True, slots=True)
class Ranks:
    """The first of a ranking, best first: whoever looks further down finds the same ones above."""

    ranked: Sequence[Ranked]
    is_all: bool
    """Whether nothing stands below them."""

    def first(self, count: int) -> Ranks:
        """The ``count`` best of them."""
        return Ranks(self.ranked[:count], self.is_all and len(self.ranked) <= count)


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown, and whether the ranking goes on below it."""

    ranked: Sequence[Ranked] = ()
    goes_on: bool = False


def page_of(
    offset: int, top: int, ranks_to: Callable[[int], Ranks], fold: Callable[[Sequence[Ranked]], list[Ranked]]
) -> Page:
    """The places ``[offset, offset + top)`` of what ``fold`` leaves of a ranking.

    ``ranks_to`` gives at least the first so many ranks, or all. Twice as many are looked at until the page is full:
    a burst may be longer than many pages.
    """
    end = offset + top
    depth = end + LOOKED_PAST
    while True:
        ranks = ranks_to(depth).first(depth)
        folded = fold(ranks.ranked)
        if ranks.is_all or len(folded) >= end:
            return Page(folded[offset:end], len(folded) > end or not ranks.is_all)
        depth *= 2
