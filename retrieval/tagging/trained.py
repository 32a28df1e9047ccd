"""A classifier that a person trained, as a tagger: a head on kept features.

The seam to `vidi train classifier`: whatever has these members fits. A classifier that reads pixels is none of these.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import ModelError
from retrieval.experts.appearance import Appearance
from retrieval.store.tag_work import TrackSource
from retrieval.types import Float32Array

__all__ = ["FeatureClassifier", "TrainedTagger"]

_LEAST = 0.7


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

    source = TrackSource(Appearance.name, Appearance.dim)

    def __init__(self, classifier: FeatureClassifier) -> None:
        """Raises ModelError where the classifier doesn't read the appearance features."""
        expert = classifier.features_expert
        if expert is None or expert[0] != Appearance.name:
            raise ModelError(
                f"{classifier.name} reads {expert[0] if expert else 'pixels'}, and a library keeps the features of "
                f"{Appearance.name}; train a head on them with `vidi train classifier`"
            )
        self.name = f"classifier/{classifier.name}"
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
        logits = self._classifier.logits(rows)
        exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances = exponents / exponents.sum(axis=1, keepdims=True)
        return np.asarray(np.where(chances >= _LEAST, chances, 0), np.float32)
