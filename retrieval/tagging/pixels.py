"""Classifiers from pixels as taggers: what they look at is not kept by indexing, and is decoded for them.

Shapes: n pictures · s side in pixels · L labels · d what a tagger keeps of a picture until it says its tags.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.appearance import top_classes
from retrieval.models.classifier_files import PixelClassifier, TrainedClassifier
from retrieval.store.tag_work import PixelSource
from retrieval.tagging.classifiers import ReadsPixels
from retrieval.tagging.imagenet import CLASSES_KEPT, ImageNetTagger
from retrieval.tagging.tagger import Tagger
from retrieval.tagging.trained import sure_classes, tagger_name
from retrieval.types import Float32Array, PictureForm

__all__ = ["OwnClassesTagger", "PixelLogits", "PixelTagger", "PublishedTagger"]

_AT_ONCE: Final = 64
_USUAL_SIDE: Final = 224
"""So many pictures of this side at once: of larger ones fewer."""


class PixelTagger(Tagger, Protocol):
    """A tagger that is shown pictures: ``chances`` takes the rows that ``look`` gave."""

    @property
    def form(self) -> PictureForm:
        """How it wants its pictures."""

    def load(self) -> None:
        """Load the model now.

        Raises:
            WeightsError: the weights can't be read, or are of another model.
        """

    def look(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """Rows ``[n, d]`` of ``pixels`` ``[n, s, s, 3]``; n is 1 or more."""


class PixelLogits:
    """Pixels to calibrated logits, on a GPU where there is one, a bounded number of pictures at once."""

    def __init__(self, classifier: ReadsPixels) -> None:
        if classifier.picture_input is None:
            raise ValueError(f"{classifier.name} reads features, not pixels")
        self._classifier = classifier
        self._size = classifier.picture_input.size

    @property
    def form(self) -> PictureForm:
        """The whole picture, squashed."""
        return PictureForm(self._size, self._size)

    def load(self) -> None:
        """Load the model now, where the first call would.

        Raises:
            WeightsError: the weights can't be read, or are of another model.
        """
        _ = self._on_pixels

    def __call__(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """``pixels`` ``[n, s, s, 3]`` to ``[n, classes]``; n is 1 or more."""
        step = max(1, _AT_ONCE * _USUAL_SIDE**2 // max(_USUAL_SIDE, self._size) ** 2)
        parts = [self._on_pixels(pixels[start : start + step]) for start in range(0, len(pixels), step)]
        return np.concatenate(parts)

    @cached_property
    def _on_pixels(self) -> PixelClassifier:
        import torch

        return self._classifier.on_pixels(device="cuda" if torch.cuda.is_available() else "cpu")


class _Looking:
    """What taggers from pixels have in common."""

    source: Final = PixelSource()

    def __init__(self, classifier: ReadsPixels) -> None:
        self._classifier = classifier
        self._logits = PixelLogits(classifier)
        self.load = self._logits.load

    @property
    def form(self) -> PictureForm:
        """How it wants its pictures."""
        return self._logits.form

    def _digest(self, *parts: str) -> str:
        """Of the weights, of how they are read, and of ``parts``."""
        whole = (self._classifier.sha256, repr(self._classifier.picture_input), f"{self._classifier.temperature:.6g}")
        return hashlib.sha256("\n".join([*whole, *parts]).encode()).hexdigest()[:12]


class OwnClassesTagger(_Looking):
    """A model that a person trained: says the class that it is sure of, as heads do."""

    def __init__(self, classifier: TrainedClassifier) -> None:
        super().__init__(classifier)
        self.name = tagger_name(classifier.name)
        self.labels = tuple(classifier.classes)

    @cached_property
    def version(self) -> str:
        """A digest of the weights, how pixels are read, and the names of the classes."""
        return self._digest(repr(self.labels))

    def look(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """Calibrated logits ``[n, L]``."""
        return self._logits(pixels)

    def chances(self, rows: Float32Array) -> Float32Array:
        """``[n, L]`` from logits."""
        return sure_classes(rows)


class PublishedTagger(_Looking):
    """Published weights over ImageNet's 1,000 classes: named, hidden and judged as the embedded classifier's are.

    How sure a share of probability makes a name was fitted on the embedded classifier alone.
    """

    def __init__(self, classifier: ReadsPixels) -> None:
        super().__init__(classifier)
        self.name = classifier.name
        self._names = ImageNetTagger()

    @cached_property
    def version(self) -> str:
        """A digest of the weights, how pixels are read, and what makes names of classes."""
        return self._digest(self._names.version)

    @property
    def labels(self) -> tuple[str, ...]:
        """As the embedded classifier has them."""
        return self._names.labels

    def look(self, pixels: NDArray[np.uint8]) -> Float32Array:
        """``[n, 20]``: the ten likeliest classes, then their probabilities, as indexing keeps them."""
        return np.concatenate(top_classes(self._logits(pixels), CLASSES_KEPT), axis=1, dtype=np.float32)

    def chances(self, rows: Float32Array) -> Float32Array:
        """``[n, L]`` from what :meth:`look` gave."""
        return self._names.chances(rows)
