"""A trained classifier as a folder: ``model.safetensors``, the weights, and ``card.json``, what a person should know.

A head reads the features of an expert, and needs numpy alone: classifying a library from kept features imports no
torch. A model reads pixels, and is one of the papers' (:mod:`retrieval.models.named`).

Shapes: n pictures · d an expert's features · w a hidden width · s side in pixels · classes.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.types import Float32Array

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "CARD_FILE",
    "WEIGHTS_FILE",
    "ClassifierKind",
    "HeadWeights",
    "PictureInput",
    "PixelClassifier",
    "TrainedClassifier",
    "read_classifier",
]

CARD_FILE: Final = "card.json"
WEIGHTS_FILE: Final = "model.safetensors"
FORMAT: Final = 1
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_DEVIATION: Final = (0.229, 0.224, 0.225)


class ClassifierKind(StrEnum):
    """What a classifier reads."""

    HEAD = "head"
    """The features of an expert."""
    MODEL = "model"
    """Pixels."""


@dataclass(frozen=True, slots=True)
class PictureInput:
    """How pixels come to a model: the whole picture squashed to ``size`` x ``size``, then (x − mean) / deviation, where
    x is RGB in 0 to 1."""

    size: int
    mean: tuple[float, float, float] = _IMAGENET_MEAN
    deviation: tuple[float, float, float] = _IMAGENET_DEVIATION

    def normalise(self, pixels: Tensor) -> Tensor:
        """``pixels`` [n, 3, s, s] in 0 to 1 to the same shape as the model reads it."""
        mean, deviation = (pixels.new_tensor(values).reshape(3, 1, 1) for values in (self.mean, self.deviation))
        return (pixels - mean) / deviation

    def to_json(self) -> dict[str, Any]:
        """As in ``card.json``."""
        return {"size": self.size, "fit": "squash", "mean": list(self.mean), "deviation": list(self.deviation)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> PictureInput:
        """Undoes :meth:`to_json`. Raises KeyError, TypeError or ValueError for anything else."""
        mean, deviation = (_three(content[name]) for name in ("mean", "deviation"))
        if (size := int(content["size"])) < 1:
            raise ValueError(f"pictures of {size} pixels a side")
        return cls(size, mean, deviation)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeadWeights:
    """Linear, or with one hidden layer of rectified units: features · weightᵀ + bias, and so again.

    ``weights`` and ``biases`` hold one layer [classes, d], [classes], or two: [w, d], [w], [classes, w], [classes].
    """

    weights: tuple[Float32Array, ...]
    biases: tuple[Float32Array, ...]

    def __post_init__(self) -> None:
        widths = [weight.shape[::-1] for weight in self.weights]
        fits = all(before[1] == after[0] for before, after in pairwise(widths))
        fits = fits and all(bias.shape == (shape[1],) for bias, shape in zip(self.biases, widths, strict=True))
        if not self.weights or not fits:
            raise ValueError(f"layers of {widths} with biases {[bias.shape for bias in self.biases]} don't follow")

    @property
    def dim(self) -> int:
        """Width d of the features."""
        return int(self.weights[0].shape[1])

    def logits(self, features: NDArray[np.floating[Any]]) -> Float32Array:
        """``features`` [n, d] to [n, classes]."""
        x = np.asarray(features, np.float32)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = (np.maximum(x, 0) if number else x) @ weight.T + bias
        return x

    def tensors(self) -> dict[str, Float32Array]:
        """By the names that they have in the file."""
        layers = enumerate(zip(self.weights, self.biases, strict=True))
        return {
            f"layers.{number}.{part}": np.ascontiguousarray(array, np.float32)
            for number, (weight, bias) in layers
            for part, array in (("weight", weight), ("bias", bias))
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> HeadWeights:
        """Undoes :meth:`tensors`. Raises KeyError or ValueError for anything else."""
        numbers = range(len(tensors) // 2)
        weights, biases = (
            tuple(tensors[f"layers.{number}.{part}"].astype(np.float32) for number in numbers)
            for part in ("weight", "bias")
        )
        return cls(weights, biases)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrainedClassifier:
    """A classifier in a folder, whose weights have been compared with the digest on its card."""

    folder: Path
    name: str
    kind: ClassifierKind
    classes: tuple[str, ...]
    """In the order of the logits."""
    sha256: str
    """Of the weights: what a catalog keeps as their version."""
    temperature: float
    """Logits are divided by it, so that their softmax is right as often as it says (Guo et al. 2017)."""
    architecture: str
    """``linear``, ``mlp``, or a name of :mod:`retrieval.models.named`."""
    config: Mapping[str, Any]
    features_expert: tuple[str, str] | None
    """Name and version of the expert whose features a head reads."""
    picture_input: PictureInput | None
    """How a model reads pixels."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """All that ``card.json`` holds."""
    head: HeadWeights | None = None

    def __repr__(self) -> str:
        return f"TrainedClassifier({self.name!r}, {self.kind}, {len(self.classes)} classes)"

    def logits(self, features: NDArray[np.floating[Any]]) -> Float32Array:
        """A head's calibrated logits [n, classes] of kept ``features`` [n, d], by numpy.

        Raises:
            ValueError: it is no head, or the features have another width.
        """
        if self.head is None:
            raise ValueError(f"{self.name} reads pixels, not features; use model()")
        if features.ndim != 2 or features.shape[1] != self.head.dim:
            raise ValueError(f"features must be [n, {self.head.dim}], got {list(features.shape)}")
        return self.head.logits(features) / np.float32(self.temperature)

    def model(self) -> nn.Module:
        """The model with its weights, on the CPU, in evaluation mode: from what ``picture_input`` normalises to logits
        [n, classes], which are not divided by the temperature. Imports torch.

        Raises:
            ValueError: it is a head.
            WeightsError: the weights are of another architecture than the card says.
        """
        if self.kind is not ClassifierKind.MODEL:
            raise ValueError(f"{self.name} is a head; use logits()")
        from retrieval.models.named import load_own_weights, model_from_json  # these import torch

        model = model_from_json(self.architecture, self.config, source=str(self.folder / CARD_FILE))
        load_own_weights(model, self.folder / WEIGHTS_FILE)
        return model.eval()

    def on_pixels(self, *, device: str = "cpu") -> PixelClassifier:
        """The model ready to be called on pixels again and again. Imports torch.

        Raises: as :meth:`model`.
        """
        if self.picture_input is None:
            raise ValueError(f"{self.name} is a head; use logits()")
        return PixelClassifier(self.model().to(device), self.picture_input, self.temperature, device)


class PixelClassifier:
    """From ``pixels`` [n, h, w, 3] uint8 RGB to calibrated logits [n, classes]."""

    def __init__(self, model: nn.Module, picture_input: PictureInput, temperature: float, device: str) -> None:
        self._model = model
        self._input = picture_input
        self._temperature = temperature
        self._device = device

    def __call__(self, pixels: NDArray[np.uint8]) -> Float32Array:
        import torch

        with torch.inference_mode():
            seen = torch.from_numpy(np.array(pixels)).to(self._device).permute(0, 3, 1, 2).float() / 255
            if seen.shape[-2:] != (self._input.size, self._input.size):
                seen = torch.nn.functional.interpolate(
                    seen, (self._input.size, self._input.size), mode="bicubic", antialias=True
                ).clamp(0, 1)
            logits: Float32Array = self._model(self._input.normalise(seen)).float().cpu().numpy()
        return logits / np.float32(self._temperature)


def read_classifier(path: Path) -> TrainedClassifier:
    """The classifier in the folder ``path``, which ``vidi train classifier`` wrote. A model's weights load later.

    Raises:
        WeightsError: there is none, it is damaged, or it was written by a newer vidi.
    """
    card = _read_card(path)
    try:
        found = _from_card(path, card)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path / CARD_FILE} is no card of a classifier ({type(error).__name__}: {error}); "
            f"expected what `vidi train classifier` writes: train it again"
        ) from error
    return found


def _read_card(path: Path) -> dict[str, Any]:
    expected = f"expected a folder that `vidi train classifier` wrote, with {CARD_FILE} and {WEIGHTS_FILE}"
    try:
        card = json.loads((path / CARD_FILE).read_bytes())
    except OSError as error:
        raise WeightsError(f"{path} is no trained classifier ({error.strerror}: {CARD_FILE}); {expected}") from error
    except ValueError as error:
        raise WeightsError(f"{path / CARD_FILE} is damaged; {expected}: train it again") from error
    if not isinstance(card, dict) or card.get("task") != "classifier":
        raise WeightsError(f"{path / CARD_FILE} is the card of something else; {expected}")
    if card.get("format") != FORMAT:
        raise WeightsError(
            f"{path} was written in format {card.get('format')!r}, expected {FORMAT}; update vidi, or train it again"
        )
    return card


def _from_card(path: Path, card: Mapping[str, Any]) -> TrainedClassifier:
    kind, classes, digest = ClassifierKind(card["kind"]), tuple(map(str, card["classes"])), str(card["sha256"])
    temperature = float(card["temperature"])
    if not (math.isfinite(temperature) and temperature > 0) or len(set(classes)) != len(classes):
        raise ValueError("a temperature over 0 and classes of different names are needed")
    if not all(map(str.strip, classes)):
        raise ValueError("a class without a name")
    content = _read_weights(path / WEIGHTS_FILE, digest)
    is_head = kind is ClassifierKind.HEAD
    features = card["features"]
    return TrainedClassifier(
        folder=path,
        name=str(card["name"]),
        kind=kind,
        classes=classes,
        sha256=digest,
        temperature=temperature,
        architecture=str(card["architecture"]),
        config=card["config"],
        features_expert=(str(features["expert"]), str(features["version"])) if is_head else None,
        picture_input=None if is_head else PictureInput.from_json(card["input"]),
        card=card,
        head=_read_head(content, len(classes), path / WEIGHTS_FILE) if is_head else None,
    )


def _read_weights(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} can't be read ({error.strerror}); train the classifier again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        raise WeightsError(
            f"{path} is not the file of its card: expected sha256 {digest}, found {found}; train the classifier again"
        )
    return content


def _read_head(content: bytes, classes: int, path: Path) -> HeadWeights:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        head = HeadWeights.from_tensors(load(content))
    except (SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} holds no head ({error}); train the classifier again") from error
    if len(head.biases[-1]) != classes:
        raise WeightsError(f"{path} tells {len(head.biases[-1])} classes apart, its card names {classes}; train again")
    return head


def _three(values: Any) -> tuple[float, float, float]:
    first, second, third = values
    return float(first), float(second), float(third)
