"""Ranks and what is told of them: R@k in percent, the median and the mean rank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array

__all__ = ["RankSummary", "rank_rows", "summarize"]

Float64Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RankSummary:
    """Recall in percent at 1, 5 and 10, and the median and mean rank (1 is best), as in the papers' tables."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    mean_rank: float

    def to_json(self) -> dict[str, float]:
        """As `vidi eval retrieval --json` prints it, to two places."""
        values = (self.recall_at_1, self.recall_at_5, self.recall_at_10, self.median_rank, self.mean_rank)
        return {name: round(value, 2) for name, value in zip(("R@1", "R@5", "R@10", "MdR", "MnR"), values, strict=True)}


def rank_rows(blocks: Iterable[Float32Array], relevant: Sequence[Sequence[int]]) -> Float64Array:
    """The rank ``[q]`` of each query's best relevant candidate.

    Args:
        blocks: score matrices ``[b, n]`` of consecutive queries, together q rows; higher is better.
        relevant: for each query the columns that are right, at least one.

    Candidates with equal scores share their places: of t wrong and r right ones that are tied, the first right one
    is expected at place 1 + t / (r + 1). A model that scores all alike thus gets no rank for nothing.
    """
    ranks: list[float] = []
    for block in blocks:
        for row in block:
            ranks.append(_rank(row, np.asarray(relevant[len(ranks)])))
    if len(ranks) != len(relevant):
        raise ValueError(f"expected a row for each of {len(relevant)} queries, got {len(ranks)}")
    return np.array(ranks, np.float64)


def _rank(scores: Float32Array, right: NDArray[np.intp]) -> float:
    best = scores[right].max()
    tied_right = int((scores[right] == best).sum())
    tied_wrong = int((scores == best).sum()) - tied_right
    return 1 + int((scores > best).sum()) + tied_wrong / (tied_right + 1)


def summarize(ranks: Float64Array) -> RankSummary:
    """The figures over ``ranks`` ``[q]``, of which there is at least one."""
    if not len(ranks):
        raise ValueError("expected at least one rank, got none")
    at_1, at_5, at_10 = (100 * float((ranks <= k).mean()) for k in (1, 5, 10))
    return RankSummary(at_1, at_5, at_10, median_rank=float(np.median(ranks)), mean_rank=float(ranks.mean()))
