"""Fit the calibration of a space: what its inner products say about whether a hit fits.

Libraries are drawn from held-out pictures. A caption of a picture in the library is a query that something fits; a
text of an absent thing is one that nothing fits. The logistic learns to tell the best scores of the two apart, at
every size of library. (A caption of another picture is no misfit: in a library of some size something else fits it.)

Shapes: b background pictures · h held-out pictures · q captions · m misfit sentences · d the space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.spaces.calibration import TERMS, Calibration
from retrieval.training.names import WordGroup
from retrieval.types import Float32Array

__all__ = ["CalibrationData", "fit_calibration", "rarest_words"]

_LIBRARIES: Final = (10, 30, 100, 300, 1000)  # sizes that are simulated, in items
_REPEATS: Final = (40, 20, 8, 4, 2)
_QUERIES: Final = 250  # of each kind, for each library
_RIDGE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class CalibrationData:
    """Embeddings that the heads were not trained on: held_out [h, d], captions [q, d], owners [q], misfits [m, d].

    ``owners[k]`` is the row of ``held_out`` that caption k tells of.
    """

    held_out: Float32Array
    captions: Float32Array
    owners: NDArray[np.int64]
    misfits: Float32Array


def fit_calibration(background: Float32Array, data: CalibrationData, *, refused: float, seed: int) -> Calibration:
    """A calibration whose threshold refuses the share ``refused`` of true captions.

    Args:
        background: embeddings [b, d] of a broad set of pictures.
        data: held-out embeddings, of the same space.
        refused: share, 0 to 1, of held-out true captions that may be told "nothing fits".
        seed: of the draw of libraries.
    """
    mean = background.mean(axis=0)
    covariance = np.cov(background.T).astype(np.float32)
    blank = Calibration(mean, covariance, np.zeros(TERMS, np.float32), 0.5)
    terms, labels = _simulate(blank, data, np.random.default_rng(seed))
    weights = _logistic(terms, labels)
    weights[-1], start = _level(terms[labels == 1], weights, refused)
    threshold = float(np.clip(1 / (1 + np.exp(-start)), 0.01, 0.99))
    return Calibration(mean, covariance, weights.astype(np.float32), threshold)


def _level(terms: NDArray[np.float64], weights: NDArray[np.float64], refused: float) -> tuple[float, float]:
    """The weight of ln N, and the threshold as a logit, that refuse the same share of true captions at every size."""
    logits = terms[:, :-1] @ weights[:-1]
    sizes = np.unique(terms[:, -1])
    edges = [np.quantile(logits[terms[:, -1] == size], refused) for size in sizes]
    slope, start = np.polyfit(sizes, edges, 1)
    return -float(slope), float(start)


def _simulate(
    blank: Calibration, data: CalibrationData, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Terms [k, 6] of the best hits, and labels [k]: 1 where the library holds the caption's picture."""
    rows, labels = [], []
    for size, repeats in zip(_LIBRARIES, _REPEATS, strict=True):
        for _ in range(repeats):
            library = rng.choice(len(data.held_out), min(size, len(data.held_out)), replace=False)
            inside = np.isin(data.owners, library)
            for label, queries in ((1, data.captions[inside]), (0, data.misfits)):
                drawn = queries[rng.permutation(len(queries))[:_QUERIES]]
                best = (drawn @ data.held_out[library].T).max(axis=1)
                rows += [blank.terms(best[k : k + 1], query, size)[0] for k, query in enumerate(drawn)]
                labels += [label] * len(drawn)
    return np.array(rows, np.float64), np.array(labels, np.float64)


def _logistic(terms: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights [6] by Newton's method; both labels weigh the same in all, so that 0.5 is "as likely as not"."""
    share = np.where(labels == 1, 0.5 / labels.sum(), 0.5 / (1 - labels).sum())
    weights = np.zeros(terms.shape[1])
    for _ in range(30):
        chances = 1 / (1 + np.exp(-np.clip(terms @ weights, -50, 50)))
        slope = terms.T @ (share * (chances - labels)) + _RIDGE * 1e-2 * weights
        curve = (terms * (share * chances * (1 - chances))[:, None]).T @ terms
        weights -= np.linalg.solve(curve + _RIDGE * 1e-2 * np.eye(len(weights)), slope)
    return weights


def rarest_words(group: WordGroup, chances: Float32Array, share: float, rng: np.random.Generator) -> Float32Array:
    """Sentence vectors [m, 384] of the ``share`` of words that pictures show least, each in one wording.

    Args:
        group: encoded words; the shipped calibration takes 0.4 of the names and 0.3 of the other words.
        chances: the classifier's posterior [n, 1000] over the training pictures.
        share: 0 to 1.
        rng: draws the wordings.
    """
    shown = group.covers.astype(np.float32) @ chances.sum(axis=0)
    rows = np.argsort(shown)[: int(share * len(shown))]
    return group.vectors[rows, rng.integers(group.vectors.shape[1], size=len(rows))]
