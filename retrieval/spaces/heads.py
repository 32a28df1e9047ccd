"""The starter's two heads, in numpy: from what the frozen towers give to one space of pictures and sentences.

Each head is a linear map with a hidden layer beside it, then division by the length (CLIP's projection, Radford et
al. 2021, with one GELU layer added):

    head(x) = unit(x A + gelu(x B + b) C + a)

Shapes: n rows · f = 1,280 pooled features · c = 1,000 classes · t = 384, a sentence vector · d, the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from retrieval.errors import WeightsError
from retrieval.types import Float32Array

__all__ = ["CLASSES", "FEATURES", "SENTENCE", "Head", "StarterHeads", "picture_input", "unit"]

FEATURES: Final = 1280
CLASSES: Final = 1000
SENTENCE: Final = 384

_GELU_SLOPE: Final = float(np.sqrt(2 / np.pi))
_PARTS: Final = ("linear", "linear_bias", "hidden", "hidden_bias", "out")


def unit(rows: Float32Array) -> Float32Array:
    """Rows [n, d] divided by their lengths; a row of zeros stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-12)).astype(np.float32)


def picture_input(features: Float32Array, logits: Float32Array) -> Float32Array:
    """What the picture head reads, [n, 2280]: square roots of the features and of the classifier's posterior.

    The square root (Hellinger's map) tames the few large entries of both.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    posterior = np.exp(shifted)
    posterior /= posterior.sum(axis=1, keepdims=True)
    return np.concatenate([np.sqrt(np.maximum(features, 0)), np.sqrt(posterior)], axis=1, dtype=np.float32)


def _gelu(x: Float32Array) -> Float32Array:
    """Hendrycks & Gimpel 2016, the tanh form."""
    return np.asarray(0.5 * x * (1 + np.tanh(_GELU_SLOPE * (x + 0.044715 * x**3))), np.float32)


@dataclass(frozen=True, slots=True)
class Head:
    """One head: ``unit(x · linear + gelu(x · hidden + hidden_bias) · out + linear_bias)``.

    Shapes: linear [i, d], linear_bias [d], hidden [i, h], hidden_bias [h], out [h, d].
    """

    linear: Float32Array
    linear_bias: Float32Array
    hidden: Float32Array
    hidden_bias: Float32Array
    out: Float32Array

    def __post_init__(self) -> None:
        (inputs, dim), (_, width) = self.linear.shape, self.hidden.shape
        expected = ((inputs, dim), (dim,), (inputs, width), (width,), (width, dim))
        found = tuple(getattr(self, part).shape for part in _PARTS)
        if found != expected:
            raise WeightsError(f"the parts of a head have shapes {found}, expected {expected}; reinstall vidi")

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Float32Array], name: str) -> Self:
        """The head whose tensors are called ``{name}.{part}``.

        Raises:
            WeightsError: a part is missing, or the parts do not fit together.
        """
        missing = [f"{name}.{part}" for part in _PARTS if f"{name}.{part}" not in tensors]
        if missing:
            raise WeightsError(f"the heads file lacks {', '.join(missing)}; reinstall vidi")
        return cls(**{part: tensors[f"{name}.{part}"].astype(np.float32) for part in _PARTS})

    def __call__(self, x: Float32Array) -> Float32Array:
        """x [n, i] → [n, d], rows of length 1."""
        hidden = _gelu(x @ self.hidden + self.hidden_bias)
        return unit(x @ self.linear + hidden @ self.out + self.linear_bias)


@dataclass(frozen=True, slots=True)
class StarterHeads:
    """The picture head and the text head of one space: inner products of their results compare across them."""

    picture: Head
    text: Head

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read both heads from a safetensors file.

        Raises:
            WeightsError: the file is missing, damaged, or not of these heads.
        """
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as exc:
            raise WeightsError(f"the starter's heads can't be read from {path} ({exc}); reinstall vidi") from exc
        return cls(picture=Head.from_tensors(tensors, "picture"), text=Head.from_tensors(tensors, "text"))

    @property
    def dim(self) -> int:
        """Width d of the space."""
        return int(self.text.linear.shape[1])

    def embed_pictures(self, features: Float32Array, logits: Float32Array) -> Float32Array:
        """Pooled features [n, 1280] and logits [n, 1000] of the picture tower → [n, d] float32, length 1."""
        _check_rows("features", features, FEATURES)
        _check_rows("logits", logits, CLASSES)
        if len(features) != len(logits):
            raise ValueError(f"{len(features)} rows of features but {len(logits)} of logits; they must be equal")
        return self.picture(picture_input(features.astype(np.float32), logits.astype(np.float32)))

    def embed_texts(self, sentence_vectors: Float32Array) -> Float32Array:
        """Sentence vectors [n, 384] of the text tower → [n, d] float32, length 1."""
        _check_rows("sentence vectors", sentence_vectors, SENTENCE)
        return self.text(sentence_vectors.astype(np.float32))


def _check_rows(name: str, rows: Float32Array, width: int) -> None:
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name} have shape {list(rows.shape)}, expected [n, {width}]")
