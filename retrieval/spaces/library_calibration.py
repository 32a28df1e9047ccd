"""The chance that a hit fits, for a space that ships no calibration: made from the library and general sentences.

Two comparisons need no judged pictures. How far does the query lead, on the picture that was found, before a few
hundred sentences about all sorts of things? And how far does that picture lead, for the query, before a sample of the
library? Both are counted in standard deviations, so that the width of a space's scores does not matter:

    z_p = (s − mean of p · sentences) / their spread        z_q = (s − q·m) / sqrt(q·C·q)

with m and C the mean and covariance of the sample. A library of dogs alone shows why the first leads: to "a dog" no
picture stands out there, yet all of them beat most sentences; to "a submarine" one dog always stands out a little.
The logistic over both and ln N is set by hand, by what leads mean where scores are near to normal; nobody measured it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from retrieval.spaces.calibration import MAX_ITEMS
from retrieval.spaces.general_sentences import general_sentences
from retrieval.types import Float32Array

__all__ = ["SAMPLE", "LibraryCalibration"]

SAMPLE: Final = 2000
"""Vectors of a library that are enough: more move no mean by much."""

_WEIGHTS: Final = (-5.0, 2.0, 0.2, -0.2)  # of 1, z_p, z_q and ln N: even odds at a lead of about 2.5 over sentences
_PRIOR: Final = 30  # vectors, spread evenly, that a small sample is mixed with: three dogs tell no spread
_TENSORS: Final = "mean", "covariance", "sentences"


@dataclass(frozen=True, slots=True, eq=False)
class LibraryCalibration:
    """Judges hits of one library in one space.

    Shapes: mean [d] and covariance [d, d] of the library's sample, sentences [g, d].
    """

    mean: Float32Array
    covariance: Float32Array
    sentences: Float32Array

    fits_from = 0.5
    """The chance from which a hit is said to fit."""

    @classmethod
    def make(cls, sample: Float32Array, embed_text: Callable[[list[str]], Float32Array]) -> Self:
        """From vectors of a library, [n, d], n at least 1 and drawn evenly; ``embed_text`` is the space's own.

        It embeds some three hundred sentences: keep the result (:meth:`save`), and when the library has grown, take
        :meth:`over` a new sample.
        """
        return cls(*_moments(sample), np.asarray(embed_text(general_sentences()), np.float32))

    def over(self, sample: Float32Array) -> Self:
        """The same sentences over another sample of the library, [n, d]."""
        mean, covariance = _moments(sample)
        return replace(self, mean=mean, covariance=covariance)

    @classmethod
    def load(cls, path: Path, key: str) -> Self | None:
        """What :meth:`save` kept under ``key``; None where it is absent, damaged, or was kept under another key."""
        try:
            with safe_open(path, "numpy") as file:
                if (file.metadata() or {}).get("key") != key:
                    return None
                return cls(*(file.get_tensor(name) for name in _TENSORS))
        except (OSError, SafetensorError):
            return None

    def save(self, path: Path, key: str) -> None:
        """Keep it, whole or not at all, in a file that can be made again at any time.

        ``key`` says of what it was made, such as the version of the space.

        Raises:
            OSError: it can't be written.
        """
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            part.write_bytes(save({name: getattr(self, name) for name in _TENSORS}, {"key": key}))
            part.chmod(0o600)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def terms(self, scores: Float32Array, vectors: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """What the logistic reads, [n, 4]; the arguments are those of :meth:`hit_chance`."""
        against = vectors @ self.sentences.T
        spread = max(float(query @ self.covariance @ query), 1e-12) ** 0.5
        terms = np.empty((len(scores), len(_WEIGHTS)), np.float32)
        terms[:, 0] = 1
        terms[:, 1] = (scores - against.mean(axis=1)) / np.maximum(against.std(axis=1), 1e-6)
        terms[:, 2] = (scores - query @ self.mean) / spread
        terms[:, 3] = np.log(min(max(items, 1), MAX_ITEMS))
        return terms

    def hit_chance(self, scores: Float32Array, vectors: Float32Array, query: Float32Array, items: int) -> Float32Array:
        """The chance, 0 to 1, that each hit fits; see :class:`retrieval.spaces.space.JudgesHits`."""
        logits = self.terms(scores, vectors, query, items) @ np.array(_WEIGHTS, np.float32)
        return np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), np.float32)


def _moments(sample: Float32Array) -> tuple[Float32Array, Float32Array]:
    """Mean [d] and covariance [d, d] of vectors [n, d]."""
    mean, (count, dim) = sample.mean(axis=0), sample.shape
    even = float((sample * sample).sum() / count / dim) * np.eye(dim, dtype=np.float32)
    covariance = ((sample - mean).T @ (sample - mean) + _PRIOR * even) / count
    return mean, np.asarray(covariance, np.float32)
