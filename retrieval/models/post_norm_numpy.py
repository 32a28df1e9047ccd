"""BERT's layer by numpy, over sequences that lie one after another in one matrix: no padding is computed.

The arithmetic is that of :mod:`retrieval.layers.post_norm`, and a test holds the two against each other to 1e-5.

Shapes: r rows, those of all sequences · d width · h heads · e = d/h width of a head.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import WeightsError
from retrieval.types import Float32Array

__all__ = [
    "Dense",
    "LayerNorm",
    "Rows",
    "Weights",
    "blocks_of",
    "gelu",
    "named_tensor",
    "run_blocks",
    "softmax",
    "unit",
]

Weights = Mapping[str, Float32Array]
_PIECE: Final = 16_384
"""Numbers that the activation works on at once: what fits a core's own cache."""
# Abramowitz & Stegun 1964, 7.1.26: erf to 1.5e-7; numpy has none.
_ERF: Final = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
_ERF_SLOPE: Final = 0.3275911


@dataclass(frozen=True, slots=True)
class Rows:
    """Where one sequence lies: rows [start, stop), of which the first ``asked`` are attended to."""

    start: int
    stop: int
    asked: int


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """x Wᵀ + b, with ``weight`` [d, inputs] turned, [inputs, d], and ``bias`` [d]."""

    turned: Float32Array
    bias: Float32Array

    @classmethod
    def of(cls, weights: Weights, *names: str) -> Self:
        """The linear layers of these names side by side.

        Raises:
            WeightsError: one is missing, or they read rows of unlike widths.
        """
        matrices = [named_tensor(weights, f"{name}.weight", 2) for name in names]
        biases = [named_tensor(weights, f"{name}.bias", 1) for name in names]
        fits = [(len(bias), matrices[0].shape[1]) for bias in biases] == [matrix.shape for matrix in matrices]
        if not fits:
            raise WeightsError(f"the weights of {', '.join(names)} don't fit together; train the model again")
        return cls(np.ascontiguousarray(np.concatenate(matrices).T), np.concatenate(biases))

    @property
    def inputs(self) -> int:
        """Width of what it reads."""
        return int(self.turned.shape[0])

    def __call__(self, rows: Float32Array) -> Float32Array:
        """[r, inputs] to [r, d]."""
        product = rows @ self.turned
        product += self.bias
        return product


@dataclass(frozen=True, slots=True, eq=False)
class LayerNorm:
    """Mean 0 and variance 1 in each row, then scaled and moved (Ba et al. 2016)."""

    scale: Float32Array
    shift: Float32Array
    epsilon: float

    @classmethod
    def of(cls, weights: Weights, name: str, epsilon: float) -> Self:
        """The norm of this name. Raises as :meth:`Dense.of`."""
        return cls(named_tensor(weights, f"{name}.weight", 1), named_tensor(weights, f"{name}.bias", 1), epsilon)

    def __call__(self, rows: Float32Array) -> Float32Array:
        """[r, d], changed in place."""
        rows -= rows.mean(axis=1, keepdims=True)
        variance = np.einsum("rd,rd->r", rows, rows)[:, None] / rows.shape[1]
        rows /= np.sqrt(variance + self.epsilon)
        rows *= self.scale
        rows += self.shift
        return rows


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    heads: int
    query: Dense
    key_value: Dense
    output: Dense
    attention_norm: LayerNorm
    widen: Dense
    narrow: Dense
    mlp_norm: LayerNorm

    def __call__(self, x: Float32Array, sequences: Sequence[Rows], kept: NDArray[np.intp] | None) -> Float32Array:
        """[r, d] to the same shape, or to [len(kept), d] where only the rows ``kept`` are wanted, in their order."""
        asking = x if kept is None else x[kept]
        attended = self.output(self._attended(self.query(asking), self.key_value(x), sequences, kept))
        attended += asking
        x = self.attention_norm(attended)
        thought = self.narrow(gelu(self.widen(x)))
        thought += x
        return self.mlp_norm(thought)

    def _attended(
        self,
        query: Float32Array,
        key_value: Float32Array,
        sequences: Sequence[Rows],
        kept: NDArray[np.intp] | None,
    ) -> Float32Array:
        width = query.shape[1]
        query *= np.float32(1 / math.sqrt(width // self.heads))
        mixed = np.empty_like(query)
        bounds = [(rows.start, rows.stop) for rows in sequences]
        if kept is not None:
            bounds = [tuple(np.searchsorted(kept, pair)) for pair in bounds]
        for rows, (start, stop) in zip(sequences, bounds, strict=True):
            asked = key_value[rows.start : rows.start + rows.asked]
            q, k, v = (self._by_head(part) for part in (query[start:stop], asked[:, :width], asked[:, width:]))
            shares = softmax(q @ k.transpose(0, 2, 1))  # [h, queries, asked]
            mixed[start:stop] = (shares @ v).transpose(1, 0, 2).reshape(stop - start, width)
        return mixed

    def _by_head(self, rows: Float32Array) -> Float32Array:
        """[r, d] to [h, r, e]."""
        return rows.reshape(len(rows), self.heads, -1).transpose(1, 0, 2)


def blocks_of(weights: Weights, name: str, *, layers: int, heads: int, epsilon: float) -> list[_Block]:
    """The layers ``{name}.0``, ``{name}.1`` … Raises as :meth:`Dense.of`."""
    return [
        _Block(
            heads,
            Dense.of(weights, f"{prefix}.attention.query"),
            Dense.of(weights, f"{prefix}.attention.key", f"{prefix}.attention.value"),
            Dense.of(weights, f"{prefix}.attention.output"),
            LayerNorm.of(weights, f"{prefix}.attention_norm", epsilon),
            Dense.of(weights, f"{prefix}.mlp.widen"),
            Dense.of(weights, f"{prefix}.mlp.narrow"),
            LayerNorm.of(weights, f"{prefix}.mlp_norm", epsilon),
        )
        for prefix in (f"{name}.{layer}" for layer in range(layers))
    ]


def run_blocks(
    blocks: Sequence[_Block], x: Float32Array, sequences: Sequence[Rows], kept: NDArray[np.intp]
) -> Float32Array:
    """``x`` [r, d] through all layers, to the rows ``kept`` (rising) of the last: [len(kept), d]."""
    for block in blocks[:-1]:
        x = block(x, sequences, None)
    return blocks[-1](x, sequences, kept) if blocks else x[kept]


def softmax(scores: Float32Array) -> Float32Array:
    """Shares along the last axis, changed in place."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def unit(rows: Float32Array) -> Float32Array:
    """Divided by their lengths along the last axis; zeros stay zeros."""
    lengths = np.sqrt(np.einsum("...d,...d->...", rows, rows))[..., None]
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)


def gelu(x: Float32Array) -> Float32Array:
    """x · Φ(x), exact to 1e-6 (Hendrycks & Gimpel 2016); changed in place."""
    flat = x.reshape(-1)
    buffers = np.empty((3, min(_PIECE, len(flat))), np.float32)
    for start in range(0, len(flat), _PIECE):
        piece = flat[start : start + _PIECE]
        _gelu_piece(piece, *(buffer[: len(piece)] for buffer in buffers))
    return x


def _gelu_piece(x: Float32Array, size: Float32Array, t: Float32Array, poly: Float32Array) -> None:
    """max(x, 0) − |x| · Φ(−|x|), where 2Φ(−|x|) = erfc(|x|/√2) = poly(t) · exp(−x²/2), t = 1/(1 + p|x|/√2)."""
    np.abs(x, out=size)
    np.multiply(size, np.float32(_ERF_SLOPE / math.sqrt(2)), out=t)
    t += np.float32(1)
    np.reciprocal(t, out=t)
    np.multiply(t, np.float32(_ERF[-1] / 2), out=poly)
    for coefficient in _ERF[-2::-1]:
        poly += np.float32(coefficient / 2)
        poly *= t
    np.multiply(size, size, out=t)
    t *= np.float32(-0.5)
    np.exp(t, out=t)
    poly *= t
    poly *= size
    np.maximum(x, 0, out=x)
    x -= poly


def named_tensor(weights: Weights, name: str, axes: int) -> Float32Array:
    """A weight with so many axes.

    Raises:
        WeightsError: it is missing, or has others.
    """
    if name not in weights or weights[name].ndim != axes:
        raise WeightsError(f"the model's weights lack {name!r}; train it again")
    return weights[name]
