"""The appearance expert: what a picture or a frame looks like, by EfficientNet-Lite0.

One forward pass serves three: the pooled features are what spaces and transformers read, the logits are
the embedded tagger over the 1,000 classes of ImageNet, and both together are the starter's picture tower.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.expert import Rows
from retrieval.models.efficientnet_lite import LITE0_WEIGHTS, efficientnet_lite0
from retrieval.models.picture_tower import load_picture_tower, read_classifier
from retrieval.once import Once
from retrieval.types import Float32Array

__all__ = [
    "CLASSES_EXPERT",
    "LOGITS_ROWS",
    "Appearance",
    "AppearanceOutput",
    "ImageNetClass",
    "imagenet_classes",
    "top_classes",
]

CLASSES_EXPERT: Final = "imagenet_classes"
"""Under this name a track keeps what the classifier says: float16 ``[n, 20]``, the ten likeliest classes of each frame,
then their probabilities."""

LOGITS_ROWS: Final = "imagenet_logits"
"""Under this name spaces read the logits, ``[n, 1000]``; they are made from the features again, and not kept."""

_PREPROCESSING: Final = "squash224-1"  # how pixels come to be 224 x 224; a new way is a new version
_BATCH: Final = 64  # bounds the memory of one call, on a GPU as on a CPU


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class AppearanceOutput:
    """``features`` [n, 1280] and ``logits`` [n, 1000], float32, of the same n pictures."""

    features: Float32Array
    logits: Float32Array

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.logits.ndim != 2 or len(self.features) != len(self.logits):
            raise ValueError(
                f"features and logits must be [n, d] of one n, got {self.features.shape} and {self.logits.shape}"
            )

    def __len__(self) -> int:
        return len(self.features)

    @property
    def rows(self) -> Rows:
        """For spaces: the features under ``appearance``, and the logits."""
        return {Appearance.name: self.features, LOGITS_ROWS: self.logits}

    def tracks(self) -> dict[str, NDArray[np.float16]]:
        """What is kept: the features, and the likeliest classes."""
        classes = np.concatenate(top_classes(self.logits), axis=1, dtype=np.float16)
        return {Appearance.name: self.features.astype(np.float16), CLASSES_EXPERT: classes}

    def __repr__(self) -> str:
        return f"AppearanceOutput(features={self.features.shape}, logits={self.logits.shape})"


class Appearance:
    """The expert. The model loads at the first :meth:`encode`; several threads may call it."""

    name: Final = "appearance"
    version: Final = f"efficientnet-lite0-{LITE0_WEIGHTS.sha256[:8]}-{_PREPROCESSING}"
    dim: Final = efficientnet_lite0().features
    picture_size: Final = efficientnet_lite0().picture_size
    """Side, in pixels, of the squares that it takes."""
    form: Final = None

    def __init__(self, *, threads: int | None = None) -> None:
        """``threads`` that one call may use on a CPU; by default as many as there are usable cores."""
        self._tower = Once(lambda: load_picture_tower(threads=threads))
        self._classifier = Once(read_classifier)

    def load(self) -> None:
        """Load the model now, where the first :meth:`encode` would wait for it.

        Raises:
            WeightsError: the weights are absent or differ.
        """
        self._tower()

    def encode(self, pixels: NDArray[np.uint8]) -> AppearanceOutput:
        """Features and logits of ``pixels`` [n, 224, 224, 3] uint8 RGB; n may be 0.

        Raises:
            ValueError: the pixels have another shape or type.
            WeightsError: at the first call, where the weights are absent or differ.
        """
        self._check(pixels)
        tower = self._tower()
        starts = range(0, max(1, len(pixels)), _BATCH)
        parts = [tower(pixels[start : start + _BATCH]) for start in starts]
        features, logits = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
        return AppearanceOutput(features, logits)

    def recall(self, features: Float32Array) -> AppearanceOutput:
        """What :meth:`encode` gave, from kept ``features`` [n, 1280].

        Raises: as :meth:`classify`.
        """
        return AppearanceOutput(features, self.classify(features))

    def classify(self, features: NDArray[np.floating[Any]]) -> Float32Array:
        """The logits [n, 1000] of kept ``features`` [n, 1280], as :meth:`encode` gave them, without a picture.

        Raises:
            ValueError: the features have another shape.
            WeightsError: at the first call, where the weights are absent or differ.
        """
        if features.ndim != 2 or features.shape[1] != self.dim:
            raise ValueError(f"features must be [n, {self.dim}], got {features.shape}")
        weight, bias = self._classifier()
        return features.astype(np.float32) @ weight.T + bias

    def _check(self, pixels: NDArray[np.uint8]) -> None:
        expected = (self.picture_size, self.picture_size, 3)
        if pixels.shape[1:] != expected or pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be [n, 224, 224, 3] uint8, got {pixels.shape} {pixels.dtype}")


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class of ImageNet-1k: its WordNet synset and the synset's words, the commonest first."""

    synset: str
    names: tuple[str, ...]


def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """The 1,000 classes in the order of the logits. Reads a file; keep what it gives."""
    text = files("retrieval.experts").joinpath("data", "imagenet_classes.json").read_text("utf-8")
    return tuple(ImageNetClass(entry["synset"], tuple(entry["names"])) for entry in json.loads(text))


def top_classes(logits: Float32Array, k: int = 10) -> tuple[NDArray[np.uint16], NDArray[np.float16]]:
    """The ``k`` likeliest classes of each row, best first.

    Args:
        logits: [n, classes].
        k: from 1 to the number of classes.

    Returns:
        Indices [n, k] uint16 and probabilities [n, k] float16 (softmax over all classes).
    """
    if not 1 <= k <= logits.shape[1]:
        raise ValueError(f"k must be from 1 to {logits.shape[1]}, got {k}")
    indices = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    return indices.astype(np.uint16), np.take_along_axis(probabilities, indices, axis=1).astype(np.float16)
