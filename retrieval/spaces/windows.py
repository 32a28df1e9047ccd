"""Windows of a video: overlapping stretches of at most half a minute, on shot borders where they are.

Neighbours overlap by half or more, so that any event of seven seconds lies whole in one of them, and of fifteen where
no shot border cuts a window short.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array, Span

__all__ = ["LONGEST_SECONDS", "WINDOWS", "cut_windows", "shot_borders", "starts_of_shots"]

LONGEST_SECONDS: Final = 30.0
WINDOWS: Final = ("windows", "30s-half-shots-1")
"""Method and version of the segmentation: another cut has another version."""

_SAME_SHOT: Final = 0.6
"""Cosine of neighbouring frames below which a shot ends between them, where frames are vectors of a picture space."""


def shot_borders(times: Float32Array, vectors: Float32Array) -> list[float]:
    """Where shots end, in seconds, rising.

    ``times`` [n, 2] and ``vectors`` [n, f] are those of kept frames, whose spans meet at each cut (and elsewhere, too).
    """
    return [float(start) for start in times[1:, 0][starts_of_shots(vectors)[1:]]]


def starts_of_shots(vectors: Float32Array) -> NDArray[np.bool_]:
    """Which of a video's frames ``[n, f]`` begin a shot, [n]; the first does."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    cosines = np.einsum("nf,nf->n", vectors[:-1], vectors[1:]) / (lengths[:-1] * lengths[1:])
    return np.concatenate([np.ones(min(1, len(vectors)), np.bool_), cosines < _SAME_SHOT])


def cut_windows(
    end_seconds: float, borders: Sequence[float] = (), *, longest_seconds: float = LONGEST_SECONDS
) -> Iterator[Span]:
    """The windows of ``[0, end_seconds)``, in order; they cover it without a gap. None where it has no length.

    Args:
        end_seconds: where the video ends.
        borders: where shots end, rising.
        longest_seconds: of a window.
    """
    start = 0.0
    while start < end_seconds:
        furthest = start + longest_seconds
        if furthest >= end_seconds:
            yield Span(start, end_seconds)
            return
        end = _last_border(borders, start + longest_seconds / 2, furthest) or furthest
        yield Span(start, end)
        middle = start + (end - start) / 2
        start = _last_border(borders, start + (end - start) / 4, middle) or middle


def _last_border(borders: Sequence[float], after: float, until: float) -> float | None:
    """The last border in ``(after, until]``."""
    first, last = bisect_right(borders, after), bisect_right(borders, until)
    return borders[last - 1] if last > first else None
