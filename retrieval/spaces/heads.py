"""The starter's two heads, in numpy: from what the frozen towers give to one space of pictures and sentences.

Each head has two parts, each of length 1, which are joined in a share that a gate sets (a bare name is the MLP's, a
whole sentence is both's), and divided by the length of the whole:

    mlp(x)    = unit(x A + gelu(x B + b) C + a)          trained by CLIP's contrastive loss (Radford et al. 2021)
    kernel(x) = unit(exp(−γ ‖x − landmarks‖²) D + d)     regularised kernel canonical correlation analysis over
                                                         landmarks (Hardoon et al. 2004, Williams & Seeger 2001)
    share(x)  = low + (high − low) · sigmoid(x g + e)
    head(x)   = unit([mlp(x), share(x) · kernel(x)])

Some pictures lie near every text, and crowd out those that fit (hubs: Radovanović et al. 2010). So a picture's vector
bears one number more, which every text reads alike: how near the picture lies to texts in general (after the querybank
normalisation of Bogolin et al. 2022, but as part of the vector, so that plain inner products have it).

Shapes: n rows · f = 1,280 pooled features · c = 1,000 classes · t = 384, a sentence vector · i, what a head reads
(512 + c for pictures, t for sentences) · d, the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from retrieval.errors import WeightsError
from retrieval.types import Float32Array

__all__ = [
    "CLASSES",
    "FEATURES",
    "KERNEL_TENSORS",
    "SENTENCE",
    "Head",
    "KernelPart",
    "MlpPart",
    "PictureInput",
    "StarterHeads",
    "posterior",
    "unit",
]

FEATURES: Final = 1280
CLASSES: Final = 1000
SENTENCE: Final = 384

_POSTERIOR_SCALE: Final = 2.0  # beside the reduced features, whose lengths are about 7
_HUB_READING: Final = 0.3  # by a text, beside its length of 1; pictures keep their length almost whole
_MOST_GAIN: Final = 0.04  # of crowding below the usual: what is unlike every text of the bank gains no more
_GELU_SLOPE: Final = float(np.sqrt(2 / np.pi))

Tensors = Mapping[str, NDArray[np.generic]]


def unit(rows: Float32Array) -> Float32Array:
    """Rows [n, d] divided by their lengths; a row of zeros stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def posterior(logits: Float32Array) -> Float32Array:
    """The classifier's chances [n, c] from its logits [n, c]."""
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True), np.float32)


def _gelu(x: Float32Array) -> Float32Array:
    """Hendrycks & Gimpel 2016, the tanh form; on [n, h]."""
    return np.asarray(0.5 * x * (1 + np.tanh(_GELU_SLOPE * (x + 0.044715 * x * x * x))), np.float32)


def _tensor(tensors: Tensors, name: str) -> Float32Array:
    if name not in tensors:
        raise WeightsError(f"the starter's heads lack {name!r}; reinstall vidi")
    return tensors[name].astype(np.float32)


def _check_shapes(what: str, found: list[tuple[int, ...]], expected: list[tuple[int, ...]]) -> None:
    if found != expected:
        raise WeightsError(f"the parts of {what} have shapes {found}, expected {expected}; reinstall vidi")


@dataclass(frozen=True, slots=True)
class PictureInput:
    """What the picture head reads: square roots of features and posterior (Hellinger's map tames the few large ones).

    Shapes: mean [f] and basis [f, 512], the principal components of the root features.
    """

    mean: Float32Array
    basis: Float32Array

    def __call__(self, features: Float32Array, logits: Float32Array) -> Float32Array:
        """Features [n, f] and logits [n, c] → [n, 512 + c]."""
        reduced = (np.sqrt(np.maximum(features, 0)) - self.mean) @ self.basis
        return np.concatenate([reduced, _POSTERIOR_SCALE * np.sqrt(posterior(logits))], axis=1, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class MlpPart:
    """A linear map with a hidden layer beside it.

    Shapes: linear [i, d], linear_bias [d], hidden [i, h], hidden_bias [h], out [h, d].
    """

    linear: Float32Array
    linear_bias: Float32Array
    hidden: Float32Array
    hidden_bias: Float32Array
    out: Float32Array

    def __post_init__(self) -> None:
        (inputs, dim), width = self.linear.shape, len(self.hidden_bias)
        found = [self.linear_bias.shape, self.hidden.shape, self.out.shape]
        _check_shapes("an MLP", found, [(dim,), (inputs, width), (width, dim)])

    def __call__(self, x: Float32Array) -> Float32Array:
        """x [n, i] → [n, d], rows of length 1."""
        return unit(x @ self.linear + _gelu(x @ self.hidden + self.hidden_bias) @ self.out + self.linear_bias)


KERNEL_TENSORS: Final = ("step", "gamma", "out", "bias")
"""Of a :class:`KernelPart`, beside its landmarks."""


@dataclass(frozen=True)  # without slots: it keeps what it made of its landmarks
class KernelPart:
    """Nearness to landmarks, mapped linearly. The landmarks are kept as whole numbers of ``step``, in int8.

    Shapes: landmarks [l, i], step [i], gamma [1] (per squared distance), out [l, d], bias [d].
    """

    landmarks: NDArray[np.int8]
    step: Float32Array
    gamma: Float32Array
    out: Float32Array
    bias: Float32Array

    def __post_init__(self) -> None:
        (count, inputs), dim = self.landmarks.shape, len(self.bias)
        _check_shapes("a kernel", [self.step.shape, self.gamma.shape, self.out.shape], [(inputs,), (1,), (count, dim)])

    def nearness(self, x: Float32Array) -> Float32Array:
        """exp(−γ ‖x − landmark‖²) of x [n, i] to each landmark: [n, l], 0 to 1."""
        places, lengths = self._places
        squares = (x * x).sum(1)[:, None] + lengths - 2 * (x @ places.T)
        return np.asarray(np.exp(-self.gamma * squares), np.float32)

    @cached_property
    def _places(self) -> tuple[Float32Array, Float32Array]:
        """The landmarks [l, i] and their squared lengths [l]: made anew for every batch, they took half of its time."""
        places = np.asarray(self.landmarks * self.step, np.float32)
        return places, (places * places).sum(1)

    def __call__(self, x: Float32Array) -> Float32Array:
        """x [n, i] → [n, d], rows of length 1."""
        return unit(self.nearness(x) @ self.out + self.bias)


@dataclass(frozen=True, slots=True)
class Head:
    """Both parts of one head, and the gate between them.

    Shapes: gate [i], gate_bias [1], shares [2], the least and the most length of the kernel's part beside the MLP's 1.
    """

    mlp: MlpPart
    kernel: KernelPart
    gate: Float32Array
    gate_bias: Float32Array
    shares: Float32Array

    def __post_init__(self) -> None:
        inputs = len(self.mlp.linear)
        found = [self.kernel.step.shape, self.gate.shape, self.gate_bias.shape, self.shares.shape]
        _check_shapes("a head", found, [(inputs,), (inputs,), (1,), (2,)])

    @classmethod
    def from_tensors(cls, tensors: Tensors, name: str) -> Self:
        """The head whose tensors are called ``{name}.…``.

        Raises:
            WeightsError: a tensor is missing, or the tensors do not fit together.
        """
        mlp = {part: _tensor(tensors, f"{name}.mlp.{part}") for part in MlpPart.__slots__}
        kernel = {part: _tensor(tensors, f"{name}.kernel.{part}") for part in KERNEL_TENSORS}
        landmarks = _tensor(tensors, f"{name}.kernel.landmarks").astype(np.int8)
        gate = (_tensor(tensors, f"{name}.{part}") for part in cls.__slots__[2:])
        return cls(MlpPart(**mlp), KernelPart(landmarks, **kernel), *gate)

    @property
    def dim(self) -> int:
        """Width d."""
        return len(self.mlp.linear_bias) + len(self.kernel.bias)

    def share(self, x: Float32Array) -> Float32Array:
        """Length of the kernel's part for each row of x [n, i]: [n, 1]."""
        low, high = self.shares
        opened = 1 / (1 + np.exp(-np.clip(x @ self.gate + self.gate_bias, -50, 50)))
        return np.asarray(low + (high - low) * opened[:, None], np.float32)

    def __call__(self, x: Float32Array) -> Float32Array:
        """x [n, i] → [n, d], rows of length 1."""
        return unit(np.concatenate([self.mlp(x), self.share(x) * self.kernel(x)], axis=1, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class HubPart:
    """What is taken off a picture's scores for lying near texts in general, as one number of its vector.

    Shapes: bank [b, d − 1], embedded texts; heat [1] (inverse temperature of their mean); usual [1], the mean over
    pictures in general; strength [1], the share that is taken off.
    """

    bank: Float32Array
    heat: Float32Array
    usual: Float32Array
    strength: Float32Array

    def __post_init__(self) -> None:
        found = [self.heat.shape, self.usual.shape, self.strength.shape]
        _check_shapes("the hubs", found, [(1,)] * 3)

    def crowding(self, pictures: Float32Array) -> Float32Array:
        """ln mean exp(heat · inner products with the bank) / heat, of embeddings [n, d − 1]: [n, 1]."""
        scores = self.heat * (pictures @ self.bank.T)
        return np.asarray(np.log(np.exp(scores).mean(axis=1, keepdims=True)) / self.heat, np.float32)

    def join_pictures(self, pictures: Float32Array) -> Float32Array:
        """Embeddings [n, d − 1] → [n, d], rows of length 1."""
        less = self.strength / _HUB_READING * np.minimum(self.usual - self.crowding(pictures), _MOST_GAIN)
        return unit(np.concatenate([pictures, less], axis=1, dtype=np.float32))

    def join_texts(self, texts: Float32Array) -> Float32Array:
        """Embeddings [n, d − 1] → [n, d], rows of length 1."""
        return unit(np.pad(texts, ((0, 0), (0, 1)), constant_values=_HUB_READING))


@dataclass(frozen=True, slots=True)
class StarterHeads:
    """The picture head and the text head of one space: inner products of their results compare across them."""

    picture_input: PictureInput
    picture: Head
    text: Head
    hubs: HubPart

    def __post_init__(self) -> None:
        widths = [(self.picture.dim,), self.hubs.bank.shape[1:]]
        _check_shapes("both heads", widths, [(self.text.dim,)] * 2)

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
        return cls.from_tensors(tensors)

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> Self:
        """Both heads from the tensors of a file.

        Raises:
            WeightsError: a tensor is missing, or the tensors do not fit together.
        """
        read = PictureInput(_tensor(tensors, "input.mean"), _tensor(tensors, "input.basis"))
        hubs = HubPart(*(_tensor(tensors, f"hubs.{part}") for part in HubPart.__slots__))
        return cls(read, Head.from_tensors(tensors, "picture"), Head.from_tensors(tensors, "text"), hubs)

    @property
    def dim(self) -> int:
        """Width d of the space."""
        return self.text.dim + 1

    def embed_pictures(self, features: Float32Array, logits: Float32Array) -> Float32Array:
        """Pooled features [n, 1280] and logits [n, 1000] of the picture tower → [n, d] float32, length 1."""
        _check_rows("features", features, FEATURES)
        _check_rows("logits", logits, CLASSES)
        if len(features) != len(logits):
            raise ValueError(f"{len(features)} rows of features but {len(logits)} of logits; they must be equal")
        x = self.picture_input(features.astype(np.float32), logits.astype(np.float32))
        return self.hubs.join_pictures(self.picture(x))

    def embed_texts(self, sentence_vectors: Float32Array) -> Float32Array:
        """Sentence vectors [n, 384] of the text tower → [n, d] float32, length 1."""
        _check_rows("sentence vectors", sentence_vectors, SENTENCE)
        return self.hubs.join_texts(self.text(sentence_vectors.astype(np.float32)))


def _check_rows(name: str, rows: Float32Array, width: int) -> None:
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"{name} have shape {list(rows.shape)}, expected [n, {width}]")
