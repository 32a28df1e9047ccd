"""What contrastive training reads, and how batches are drawn from it.

Shapes: v views of n pictures · m captions · i what the picture head reads · k made features, or words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.spaces.heads import CLASSES, PictureInput, posterior
from retrieval.training.names import WordGroup
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.types import Float32Array

__all__ = ["Captions", "Names", "Pictures", "TrainingData", "some_of"]

_REDUCED: Final = 512


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the picture tower gives: features [v, n, 1280] and logits [v, n, 1000]; view 0 is the picture itself."""

    features: NDArray[np.float16]
    logits: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Captions:
    """Sentence vectors [m, 384], and the picture, 0 to n − 1, of each, owners [m]. Each picture has one or more."""

    vectors: Float32Array
    owners: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Names:
    """Names of classes, wider and narrower words, and the classifier; ``unseen`` [1000] classes have no name here."""

    names: WordGroup
    words: WordGroup
    classifier: Classifier
    unseen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(CLASSES, np.bool_))


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Everything as the heads read it: views [v, n, i], chances [v, n, 1000], made [k, i], made_chances [k, 1000]."""

    read: PictureInput
    views: Float32Array
    chances: Float32Array
    made: Float32Array
    made_chances: Float32Array
    captions: Captions
    by_picture: list[NDArray[np.int64]]
    names: Names

    @classmethod
    def prepare(
        cls,
        pictures: Pictures,
        captions: Captions,
        names: Names,
        *,
        prototypes: int,
        sharpen: float,
        rng: np.random.Generator,
    ) -> Self:
        """Reduce the pictures, and make features of classes that they do not show.

        Args:
            pictures: in one view or more.
            captions: of these pictures.
            names: what the classifier teaches.
            prototypes: made features for each class.
            sharpen: power of the classifier's posterior.
            rng: draws what the made features start from.
        """
        first = pictures.features[0].astype(np.float32)
        read = _principal(first)
        made, made_logits = make_prototypes(first, names.classifier, rounds=prototypes, rng=rng)
        chances = [_taught(view.astype(np.float32), names.unseen, sharpen) for view in pictures.logits]
        order = np.argsort(captions.owners, kind="stable")
        bounds = np.searchsorted(captions.owners[order], np.arange(1, len(first)))
        return cls(
            read=read,
            views=np.stack([_read(read, f, g) for f, g in zip(pictures.features, pictures.logits, strict=True)]),
            chances=np.stack(chances),
            made=_read(read, made, made_logits),
            made_chances=_taught(made_logits, names.unseen, sharpen),
            captions=captions,
            by_picture=np.split(order, bounds),
            names=names,
        )

    @property
    def count(self) -> int:
        """Pictures n."""
        return len(self.by_picture)

    def view_of(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Float32Array:
        """One view, the same for all, of some pictures: [n, i]."""
        view: Float32Array = self.views[rng.integers(len(self.views))]
        return view[rows]

    def caption_of(self, rows: NDArray[np.int64], blend: float, rng: np.random.Generator) -> Float32Array:
        """A caption of each picture or, in the share ``blend``, a mixture of two of its captions: [n, 384]."""
        drawn = [rng.choice(self.by_picture[row], 2) for row in rows]
        first, second = self.captions.vectors[np.array(drawn)].transpose(1, 0, 2)
        part = (rng.random((len(rows), 1)) < blend) * rng.random((len(rows), 1))
        mixed = first * (1 - part) + second * part
        return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)

    def named_pictures(self, count: int, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
        """Inputs [count, i] and chances [count, 1000], half of real pictures, half made."""
        view = rng.integers(len(self.views))
        real = rng.integers(self.count, size=count // 2)
        made = rng.integers(len(self.made), size=count - count // 2)
        x = np.concatenate([self.views[view][real], self.made[made]])
        return x, np.concatenate([self.chances[view][real], self.made_chances[made]])


def some_of(rows: Float32Array, count: int, rng: np.random.Generator) -> Float32Array:
    """At most ``count`` of rows [n, d], each once."""
    return rows[rng.permutation(len(rows))[:count]]


def _read(read: PictureInput, features: NDArray[np.floating], logits: NDArray[np.floating]) -> Float32Array:
    return read(features.astype(np.float32), logits.astype(np.float32))


def _taught(logits: Float32Array, unseen: NDArray[np.bool_], power: float) -> Float32Array:
    """The sharpened posterior [n, 1000] over the classes that have names; zeros where the first choice has none."""
    chances = posterior(power * np.where(unseen, -np.inf, logits).astype(np.float32))
    chances[unseen[logits.argmax(axis=1)]] = 0
    return chances


def _principal(features: Float32Array) -> PictureInput:
    roots = np.sqrt(np.maximum(features, 0))
    mean = roots.mean(axis=0)
    vectors = np.linalg.eigh((roots - mean).T @ (roots - mean))[1]
    basis = vectors[:, ::-1][:, :_REDUCED]
    return PictureInput(mean.astype(np.float16).astype(np.float32), basis.astype(np.float16).astype(np.float32))
