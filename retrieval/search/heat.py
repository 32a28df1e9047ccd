"""Where in a picture a score comes from.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", equations 1
and 2. For a tower that ends in a mean over places, the gradient of a score with respect to the map A [c, h, w] is, at
every place, that with respect to the pooled features f [c] over h · w; so that

    heat = ReLU(Σ_c α_c A_c),   α_c = ∂ score / ∂ f_c

A cosine doesn't grow with the length of f, so that its gradient at f tells only which places are above the picture's
own mean: of a cat that fills the picture, it shows the whiskers. So α is the mean gradient on the way from nothing to
f (Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks", equation 1), and Σ_c α_c f_c is what the score
gained on it. Any head may stand between features and score: derivatives are taken by differences.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array

__all__ = ["ScoreFeatures", "ScorePixels", "class_activation", "occlusion"]

ScoreFeatures = Callable[[Float32Array], Float32Array]
"""Scores [n] of pooled features [n, c]."""

ScorePixels = Callable[[NDArray[np.uint8]], Float32Array]
"""Scores [n] of pictures [n, height, width, 3]."""

_STEP = 0.1
"""Each feature is changed by so much of itself: far above what float32 loses, and the heads are smooth over it."""
_PLACES_ON_THE_WAY = np.array([0.5 - 3**-0.5 / 2, 0.5 + 3**-0.5 / 2], np.float32)
"""Gauss and Legendre's two: their mean is that over the whole way for every slope that is a cubic of the way. Four even
steps come no nearer and cost twice as much, and the heads' answers at these places are all that takes time here."""
_GREY = 127
_SILENT = 1e-6
"""A feature below it is 0 at every place (none is negative), and has no part in the map."""


def class_activation(feature_map: Float32Array, score: ScoreFeatures) -> Float32Array:
    """The heat [h, w], 0 and above, of ``feature_map`` [c, h, w] for ``score``."""
    features = feature_map.mean(axis=(1, 2))  # [c]
    slopes = np.mean([_slopes(features * share, score) for share in _PLACES_ON_THE_WAY], axis=0)  # [c]
    return np.asarray(np.maximum(np.tensordot(slopes, feature_map, 1), 0), np.float32)


def _slopes(features: Float32Array, score: ScoreFeatures) -> Float32Array:
    """∂ score / ∂ features [c], by central differences; 0 for features that are silent."""
    spoken = np.flatnonzero(features > _SILENT)
    rows = np.arange(len(spoken))
    more, less = (np.repeat(features[None], len(spoken), axis=0) for _ in range(2))
    more[rows, spoken] *= 1 + _STEP
    less[rows, spoken] *= 1 - _STEP
    slopes = np.zeros_like(features)
    slopes[spoken] = (score(more) - score(less)) / (2 * _STEP * features[spoken])
    return slopes


def occlusion(pixels: NDArray[np.uint8], score: ScorePixels, *, cells: int = 7) -> Float32Array:
    """The heat [cells, cells], 0 and above: how far ``score`` falls when a part of the picture is made grey.

    Zeiler & Fergus 2014, "Visualizing and Understanding Convolutional Networks", section 4.2: for towers of which
    nothing is known. ``pixels`` [height, width, 3]. The grey square is two cells wide, so that what lies across a
    border is covered too.
    """
    height, width = pixels.shape[:2]
    rows, columns = (np.linspace(0, side, cells + 1).round().astype(int) for side in (height, width))
    covered = np.repeat(pixels[None], cells * cells, axis=0)
    for place in range(cells * cells):
        row, column = divmod(place, cells)
        covered[place, _around(rows, row), _around(columns, column)] = _GREY
    fall = score(pixels[None])[0] - score(covered)
    return np.asarray(np.maximum(fall.reshape(cells, cells), 0), np.float32)


def _around(edges: NDArray[np.int_], cell: int) -> slice:
    """From the middle of the cell before to the middle of the cell after."""
    half = int(edges[cell + 1] - edges[cell]) // 2
    return slice(max(0, int(edges[cell]) - half), int(edges[cell + 1]) + half)
