"""Fit the calibration of a space: what its inner products say about whether a hit fits.

Each query is asked of two libraries of every size, drawn from held-out pictures: one that holds a picture known to fit,
and one of pictures known not to fit. The logistic learns to tell the best scores of the two apart. That a query is
asked both ways matters: were one kind of query always answered and another never, the query alone would betray the
answer, and in a library of other things it would betray it wrongly. At the end the weight of ln N is set so that
libraries of every size refuse the same share of true captions.

Shapes: b background pictures · c background captions · n names of things · h held-out pictures · k queries of one kind
· d the space · t terms · r rows of the fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.spaces.calibration import MAX_ITEMS, TERMS, Calibration
from retrieval.types import Float32Array

__all__ = ["FITS", "MISFIT", "UNKNOWN", "Background", "CalibrationData", "JudgedQueries", "fit_calibration"]

FITS: Final = 1
MISFIT: Final = 0
UNKNOWN: Final = -1

_SIZES: Final = (10, 30, 100, 300, 1000)  # of the libraries that are drawn, in items
_QUERIES: Final = 1000  # of each kind at most
_RIDGE: Final = 1e-3
_STEPS: Final = 40
_ROUNDS: Final = 2  # the best of a library is known by the weights, and the weights by the best
_SIGNS: Final = {1: 1, 2: 1, TERMS - 1: -1}  # of the weights of the score, of its lead and of ln N
_EVEN: Final = 0.5
_LEAST: Final = 0.05

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Embeddings of broad pictures [b, d], of captions [c, d] and, as ``rivals``, of names of things [n, d]."""

    pictures: Float32Array
    captions: Float32Array
    rivals: Float32Array

    def blank(self) -> Calibration:
        """A calibration over it that knows no weights yet."""
        covariance = np.cov(self.pictures.T).astype(np.float32)
        means = self.pictures.mean(axis=0), covariance, self.captions.mean(axis=0)
        return Calibration(*means, self.rivals, np.zeros(TERMS, np.float32), _EVEN)


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


def fit_calibration(background: Background, data: CalibrationData, *, refused: float, seed: int) -> Calibration:
    """A calibration whose threshold refuses the share ``refused`` of true captions, or fewer: it is at most 0.5.

    Args:
        background: of the same space, and apart from ``data``.
        data: judged queries over held-out embeddings, of the same space.
        refused: share, 0 to 1, of true captions that may be told "nothing fits".
        seed: of the draw of libraries.
    """
    fitted = background.blank()
    for _ in range(_ROUNDS):
        drawn = _draw(fitted, data, np.random.default_rng(seed))
        weights = _signed_logistic(drawn.terms, drawn.labels, _shares(drawn, data))
        fitted = replace(fitted, weights=weights.astype(np.float32))
    return _even_sizes(fitted, data, refused, np.random.default_rng([seed, 1]))


def _even_sizes(fitted: Calibration, data: CalibrationData, refused: float, rng: np.random.Generator) -> Calibration:
    """With the threshold, and with the weight of ln N that brings libraries of every size under it."""
    found = _caption_logits(fitted, data, rng)
    sizes = np.log([min(size, MAX_ITEMS) for size in found])
    bounds = np.array([np.quantile(logits, refused) for logits in found.values()])
    slope = np.polyfit(sizes, bounds, 1)[0] if len(sizes) > 1 else 0.0
    weights = fitted.weights.copy()
    weights[-1] = min(weights[-1] - slope, 0.0)
    shift = weights[-1] - fitted.weights[-1]
    threshold = _chances((bounds + shift * sizes).mean())
    return replace(fitted, weights=weights, threshold=float(np.clip(threshold, _LEAST, _EVEN)))


def _caption_logits(fitted: Calibration, data: CalibrationData, rng: np.random.Generator) -> dict[int, list[float]]:
    """For each size the best logit for each caption in a library of any photographs, one of which it fits."""
    captions, rivals = data.kinds[0], fitted.rival(data.held_out)
    photographs = np.flatnonzero((captions.judgements != UNKNOWN).any(axis=0))
    found: dict[int, list[float]] = {size: [] for size in _SIZES if size <= len(photographs)}
    for row in rng.permutation(len(captions.queries))[:_QUERIES]:
        query, fitting = captions.queries[row], np.flatnonzero(captions.judgements[row] == FITS)
        if not len(fitting):
            continue
        scores = data.held_out @ query
        for size, logits in found.items():
            library = np.append(rng.choice(photographs, size - 1, replace=False), rng.choice(fitting))
            terms = _terms_of_best(fitted, scores[library], rivals[library], query, size)
            logits.append(float(terms @ fitted.weights))
    return {size: logits for size, logits in found.items() if logits}


def _draw(fitted: Calibration, data: CalibrationData, rng: np.random.Generator) -> _Drawn:
    terms, facts, rivals = [], [], fitted.rival(data.held_out)
    for kind, judged in enumerate(data.kinds):
        chosen = rng.permutation(len(judged.queries))[:_QUERIES]
        for query, judgements in zip(judged.queries[chosen], judged.judgements[chosen], strict=True):
            scores = data.held_out @ query
            for label, library in _libraries(judgements, rng):
                size = len(library)
                terms.append(_terms_of_best(fitted, scores[library], rivals[library], query, size))
                facts.append((label, kind, size))
    labels, kinds, sizes = np.array(facts, np.int64).T
    return _Drawn(np.array(terms, np.float64), labels.astype(np.float64), kinds, sizes)


def _terms_of_best(
    fitted: Calibration, scores: Float32Array, rivals: Float32Array, query: Float32Array, size: int
) -> Float32Array:
    """Terms [t] of the likeliest item of a library; of the one with the best score, while nothing is fitted."""
    score_weight, lead_weight = fitted.weights[1:3]
    liked = (score_weight + lead_weight) * scores - lead_weight * rivals if lead_weight else scores
    best = slice(liked.argmax(), liked.argmax() + 1)
    terms: Float32Array = fitted.terms(scores[best], rivals[best], query, size)[0]
    return terms


def _libraries(judgements: NDArray[np.int8], rng: np.random.Generator) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Label and rows of the libraries drawn for one query: misfits alone, and one that fits among them."""
    misfits, fitting = np.flatnonzero(judgements == MISFIT), np.flatnonzero(judgements == FITS)
    for size in _SIZES:
        if len(misfits) < size:
            return
        library = rng.choice(misfits, size, replace=False)
        yield 0, library
        if len(fitting):
            library = library.copy()
            library[0] = rng.choice(fitting)
            yield 1, library


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
    """Weights of a logistic, one a term; a weight that would have the wrong sign is 0."""
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


def _chances(logits: Rows | np.float64) -> Rows:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), np.float64)
