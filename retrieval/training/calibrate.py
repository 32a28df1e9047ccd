"""Fit the calibration of a space: what its inner products say about whether a hit fits.

Each query is asked of two libraries of every size, drawn from held-out pictures: one that holds a picture known to fit,
and one of pictures known not to fit. The logistic learns to tell the best scores of the two apart. That a query is
asked both ways matters: were one kind of query always answered and another never, the query alone would betray the
answer, and in a library of other things it would betray it wrongly.

Shapes: b background pictures · h held-out pictures · k queries of one kind · d the space · r rows of the fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.spaces.calibration import TERMS, Calibration
from retrieval.types import Float32Array

__all__ = ["FITS", "MISFIT", "UNKNOWN", "CalibrationData", "JudgedQueries", "fit_calibration"]

FITS: Final = 1
MISFIT: Final = 0
UNKNOWN: Final = -1

_SIZES: Final = (10, 30, 100, 300, 1000)  # of the libraries that are drawn, in items
_QUERIES: Final = 1000  # of each kind at most
_RIDGE: Final = 1e-3
_STEPS: Final = 40
_SIGNS: Final = {1: 1, TERMS - 1: -1}  # of the weights of the score and of ln N
_EVEN: Final = 0.5
_LEAST: Final = 0.05

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedQueries:
    """Queries of one kind: embeddings [k, d]; judgements [k, h], whether each held-out picture fits: FITS, MISFIT or
    UNKNOWN; ``weight``, how much the kind counts beside others."""

    queries: Float32Array
    judgements: NDArray[np.int8]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationData:
    """Embeddings that the heads were not trained on: held_out [h, d], and queries judged against them.

    The first kind is of captions: what may be refused is counted on it.
    """

    held_out: Float32Array
    kinds: tuple[JudgedQueries, ...]

    def __post_init__(self) -> None:
        for kind in self.kinds:
            expected = (len(kind.queries), len(self.held_out))
            if kind.judgements.shape != expected:
                raise ValueError(f"judgements have shape {list(kind.judgements.shape)}, expected {list(expected)}")


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Rows of the fit: terms [r, 5]; labels [r], 1 where something fits; kinds [r]; sizes [r] in items."""

    terms: Rows
    labels: Rows
    kinds: NDArray[np.int64]
    sizes: NDArray[np.int64]


def fit_calibration(background: Float32Array, data: CalibrationData, *, refused: float, seed: int) -> Calibration:
    """A calibration whose threshold refuses the share ``refused`` of true captions, or fewer: it is at most 0.5.

    Args:
        background: embeddings [b, d] of a broad set of pictures.
        data: judged queries over held-out embeddings, of the same space.
        refused: share, 0 to 1, of true captions that may be told "nothing fits".
        seed: of the draw of libraries.
    """
    mean = background.mean(axis=0)
    covariance = np.cov(background.T).astype(np.float32)
    blank = Calibration(mean, covariance, np.zeros(TERMS, np.float32), _EVEN)
    rng = np.random.default_rng(seed)
    drawn = _draw(blank, data, rng)
    weights = _signed_logistic(drawn.terms, drawn.labels, _shares(drawn, data))
    fitted = Calibration(mean, covariance, weights.astype(np.float32), _EVEN)
    threshold = np.quantile(_caption_chances(fitted, data, rng), refused)
    return replace(fitted, threshold=float(np.clip(threshold, _LEAST, _EVEN)))


def _caption_chances(fitted: Calibration, data: CalibrationData, rng: np.random.Generator) -> list[float]:
    """The best chance for each caption in libraries of any photographs, one of which it fits."""
    captions = data.kinds[0]
    photographs = np.flatnonzero((captions.judgements != UNKNOWN).any(axis=0))
    found = []
    for row in rng.permutation(len(captions.queries))[:_QUERIES]:
        query, fitting = captions.queries[row], np.flatnonzero(captions.judgements[row] == FITS)
        if not len(fitting):
            continue
        for size in (size for size in _SIZES if size <= len(photographs)):
            library = np.append(rng.choice(photographs, size - 1, replace=False), rng.choice(fitting))
            best = (data.held_out[library] @ query).max(keepdims=True)
            found.append(float(fitted.chance(best, query, size)[0]))
    return found


def _draw(blank: Calibration, data: CalibrationData, rng: np.random.Generator) -> _Drawn:
    terms, facts = [], []
    for kind, judged in enumerate(data.kinds):
        chosen = rng.permutation(len(judged.queries))[:_QUERIES]
        for query, judgements in zip(judged.queries[chosen], judged.judgements[chosen], strict=True):
            for label, size, best in _best_scores(data.held_out @ query, judgements, rng):
                terms.append(blank.terms(np.array([best], np.float32), query, size)[0])
                facts.append((label, kind, size))
    labels, kinds, sizes = np.array(facts, np.int64).T
    return _Drawn(np.array(terms, np.float64), labels.astype(np.float64), kinds, sizes)


def _best_scores(
    scores: Float32Array, judgements: NDArray[np.int8], rng: np.random.Generator
) -> Iterator[tuple[int, int, float]]:
    """Label, size and best score of the libraries drawn for one query: misfits alone, and one that fits among them."""
    misfits, fitting = scores[judgements == MISFIT], scores[judgements == FITS]
    for size in _SIZES:
        if len(misfits) < size:
            return
        library = rng.choice(misfits, size, replace=False)
        yield 0, size, float(library.max())
        if len(fitting):
            library[0] = rng.choice(fitting)
            yield 1, size, float(library.max())


def _shares(drawn: _Drawn, data: CalibrationData) -> Rows:
    """How much each row counts, [r]: labels alike at every size, so that 0.5 is "as likely as not"; kinds by weight."""
    shares = np.array([kind.weight for kind in data.kinds])[drawn.kinds]
    for size in np.unique(drawn.sizes):
        for label in (0, 1):
            rows = (drawn.sizes == size) & (drawn.labels == label)
            counts = np.bincount(drawn.kinds[rows], minlength=len(data.kinds))
            shares[rows] /= counts[drawn.kinds[rows]]
            shares[rows] /= max(shares[rows].sum(), 1e-12)
    return np.asarray(shares / shares.sum(), np.float64)


def _signed_logistic(terms: Rows, labels: Rows, shares: Rows) -> Rows:
    """Weights [5] of a logistic; a weight that would have the wrong sign is 0."""
    used = np.ones(terms.shape[1], np.bool_)
    while True:
        weights = np.zeros(len(used))
        weights[used] = _logistic(terms[:, used], labels, shares)
        wrong = [column for column, sign in _SIGNS.items() if weights[column] * sign < 0]
        if not wrong:
            return weights
        used[wrong] = False


def _logistic(terms: Rows, labels: Rows, shares: Rows) -> Rows:
    """Weights by Newton's method, over terms brought to one scale; the first term is the constant 1."""
    middle, scale = terms[:, 1:].mean(axis=0), np.maximum(terms[:, 1:].std(axis=0), 1e-12)
    even = np.concatenate([terms[:, :1], (terms[:, 1:] - middle) / scale], axis=1)
    ridge = _RIDGE * np.diag(np.arange(even.shape[1]) > 0)
    weights = np.zeros(even.shape[1])
    for _ in range(_STEPS):
        chances = _chances(even @ weights)
        slope = even.T @ (shares * (chances - labels)) + ridge @ weights
        curve = (even * (shares * chances * (1 - chances))[:, None]).T @ even + ridge
        weights -= np.linalg.solve(curve, slope)
    return np.concatenate([[weights[0] - (weights[1:] * middle / scale).sum()], weights[1:] / scale])


def _chances(logits: Rows) -> Rows:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), np.float64)
