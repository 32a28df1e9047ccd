"""From the scores of segments to assets and moments. Pure numpy: it knows neither catalog nor index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array, Moment

__all__ = ["MOMENTS_MOST", "MOMENT_SHARE", "best_by_asset", "find_moments", "rank_assets", "settled"]

MOMENT_SHARE = 0.7
"""A segment belongs to a moment when its chance is at least this share of the video's best."""
SHORT_SHOT_SECONDS = 15.0
"""A shot no longer than this is one moment or none: what the camera shows in it was cut as one."""
LOOK_SECONDS = 1.0
"""Frames of one shot are so far apart at most, or look the same in between."""
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


def find_moments(
    times: Float32Array, chances: NDArray[np.floating], begins: NDArray[np.bool_] | None = None
) -> list[Moment]:
    """The moments of a video, best first, at most ``MOMENTS_MOST``.

    Segments with ``times`` ``[n, 2]`` seconds in order, half-open, and ``chances`` ``[n]``: those near the best
    that touch are one moment, whose score is that of its best segment.

    Of frames, ``begins`` ``[n]`` tells which begin a shot. One that is near the best brings its whole shot, if that is
    short. A moment that begins or ends inside a shot does so between two looks, and is told in the middle of both.
    """
    is_near = chances >= MOMENT_SHARE * chances.max(initial=0.0)
    if begins is not None:
        is_near = is_near | _in_short_shots(times, is_near, begins)
    near = np.flatnonzero(is_near)
    if not len(near):
        return []
    gaps = times[near[1:], 0] - times[near[:-1], 1] > TOUCHING_SECONDS
    groups = np.split(near, np.flatnonzero(gaps) + 1)
    moments = [Moment(*_borders(times, group, begins), float(chances[group].max())) for group in groups]
    return sorted(moments, key=lambda moment: (-moment.score, moment.start_seconds))[:MOMENTS_MOST]


def _in_short_shots(times: Float32Array, is_near: NDArray[np.bool_], begins: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which segments ``[n]`` lie in a short shot with one that is near."""
    if not len(begins):
        return is_near
    firsts = np.flatnonzero(begins)
    lasts = np.append(firsts[1:], len(begins)) - 1
    is_short = times[lasts, 1] - times[firsts, 0] <= SHORT_SHOT_SECONDS
    return np.repeat(is_short & np.logical_or.reduceat(is_near, firsts), lasts - firsts + 1)


def _borders(times: Float32Array, group: NDArray[np.intp], begins: NDArray[np.bool_] | None) -> tuple[float, float]:
    """Where a moment of the segments ``group``, which touch, begins and ends."""
    first, last = int(group[0]), int(group[-1])
    start, end = float(times[group, 0].min()), float(times[group, 1].max())
    if begins is None:
        return start, end
    if not begins[first]:  # it came at some time after the last look before
        start -= _since_last_look(times[first - 1])
    if last + 1 < len(begins) and not begins[last + 1]:
        end -= _since_last_look(times[last])
    return start, max(start, end)


def _since_last_look(span: Float32Array) -> float:
    """Half the time from the last look at a frame to the end of its ``span``."""
    return min(LOOK_SECONDS, float(span[1] - span[0])) / 2
