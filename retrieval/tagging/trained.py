"""A classifier that a person trained, as a tagger: a head on kept features.

The seam to `vidi train classifier`: whatever has these members fits. Classifiers that read pixels are in ``pixels.py``.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.appearance import Appearance
from retrieval.store.tag_work import TrackSource
from retrieval.tagging.classifiers import check_reads_appearance
from retrieval.types import Float32Array

__all__ = ["TRAINED", "FeatureClassifier", "TrainedTagger", "sure_classes", "tagger_name"]

TRAINED = "classifier"
"""What the name of a tagger that a person trained begins with."""
_LEAST = 0.7
_NAME_MOST = 128
"""Letters that a catalog keeps of a tagger's name."""


class FeatureClassifier(Protocol):
    """What a trained head offers; its logits are calibrated by their temperature."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def classes(self) -> tuple[str, ...]:
        """In the order of the logits."""

    @property
    def sha256(self) -> str:
        """Of the weights."""

    @property
    def features_expert(self) -> tuple[str, str] | None:
        """The expert whose features it reads, by name and version; None where it reads pixels."""

    def logits(self, features: NDArray[np.floating[Any]]) -> Float32Array:
        """``[n, classes]`` from features ``[n, d]``."""


class TrainedTagger:
    """Says the class whose chance is 0.7 or more, if there is one: a picture of none of the classes has no tag."""

    source = TrackSource(Appearance.name, Appearance.dim, Appearance.version)

    def __init__(self, classifier: FeatureClassifier) -> None:
        """Raises ModelError where the classifier doesn't read the appearance features, or other versions of them."""
        check_reads_appearance(classifier.name, classifier.features_expert)
        self.name = tagger_name(classifier.name)
        self._classifier = classifier

    @cached_property
    def version(self) -> str:
        """A digest of the weights and the names of the classes."""
        parts = (self._classifier.sha256, repr(self.labels))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes."""
        return tuple(self._classifier.classes)

    def chances(self, rows: Float32Array) -> Float32Array:
        """``[n, L]`` from appearance features ``[n, 1280]``: the softmax of the logits."""
        return sure_classes(self._classifier.logits(rows))


def tagger_name(name: str) -> str:
    """The source that tags of the trained classifier ``name`` are shown with."""
    return f"{TRAINED}/{name}"[:_NAME_MOST]


def sure_classes(logits: Float32Array) -> Float32Array:
    """The chances ``[n, L]`` of calibrated ``logits`` ``[n, L]``, by softmax; 0 where they are too small to be said."""
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances = exponents / exponents.sum(axis=1, keepdims=True)
    return np.asarray(np.where(chances >= _LEAST, chances, 0), np.float32)
