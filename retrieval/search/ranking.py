"""From the scores of segments to assets and moments. Pure numpy: it knows neither catalog nor index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array, Moment

__all__ = ["MOMENTS_MOST", "best_by_asset", "find_moments", "rank_assets", "settled"]

MOMENT_SHARE = 0.7
"""A segment belongs to a moment when its chance is at least this share of the video's best."""
TOUCHING_SECONDS = 0.05
"""Spans with no more than this between them touch: less than two frames of any video lie there."""
MOMENTS_MOST = 20


def best_by_asset(scores: Float32Array, assets: Sequence[int | None]) -> dict[int, float]:
    """The best score of each asset; segments ``[n]`` that belong to none (None) are passed over."""
    best: dict[int, float] = {}
    for score, asset in zip(scores.tolist(), assets, strict=True):
        if asset is not None and score > best.get(asset, -np.inf):
            best[asset] = score
    return best


def settled(best: Mapping[int, float], last_score: float) -> int:
    """How many of the assets can no longer be overtaken by a segment that has not been looked at.

    Segments come best first, and ``last_score`` is that of the last one: what follows scores at most so. An
    asset of just that score may still be tied with one not seen yet, so it is not settled.
    """
    return sum(score > last_score for score in best.values())


def rank_assets(best: Mapping[int, float], names: Mapping[int, bytes]) -> list[int]:
    """Assets, best first; equal ones in the order of ``names``, so that pages never overlap."""
    return sorted(best, key=lambda asset: (-best[asset], names[asset], asset))


def find_moments(times: Float32Array, chances: NDArray[np.floating]) -> list[Moment]:
    """The moments of a video, best first, at most ``MOMENTS_MOST``.

    Segments with ``times`` ``[n, 2]`` seconds in order, half-open, and ``chances`` ``[n]``: those near the best
    that touch are one moment, whose score is that of its best segment.
    """
    near = np.flatnonzero(chances >= MOMENT_SHARE * chances.max(initial=0.0))
    if not len(near):
        return []
    gaps = times[near[1:], 0] - times[near[:-1], 1] > TOUCHING_SECONDS
    groups = np.split(near, np.flatnonzero(gaps) + 1)
    moments = [
        Moment(float(times[group, 0].min()), float(times[group, 1].max()), float(chances[group].max()))
        for group in groups
    ]
    return sorted(moments, key=lambda moment: (-moment.score, moment.start_seconds))[:MOMENTS_MOST]
