"""Regularised kernel canonical correlation analysis in closed form: the kernel part of both heads.

Hardoon, Szedmak, Shawe-Taylor 2004, with Nyström landmarks (Williams & Seeger 2001). It needs no steps and hardly
overfits, where gradient descent on a few thousand photographs soon does.

Shapes: p pairs · i picture inputs · t = 384 · l landmarks · d the width that is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from retrieval.spaces.heads import KernelPart
from retrieval.types import Float32Array

__all__ = ["KernelConfig", "Pairs", "fit_kernels", "landmarks_of"]

_FLOOR: Final = 1e-3  # of the kernel's eigenvalues that are kept
_CHUNK: Final = 6000  # pairs at a time


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """The shipped recipe.

    Attributes:
        dim: width that is kept.
        picture_ridge, text_ridge: in parts of the mean variance of either side.
        power: of the correlations.
        picture_landmarks, text_landmarks: of photographs and captions; a fifth and a third more are of names.
        name_weight, word_weight: of pairs of names and of words, beside the captions' 1.
    """

    dim: int = 223
    picture_ridge: float = 0.3
    text_ridge: float = 0.3
    power: float = 1.0
    picture_landmarks: int = 1000
    text_landmarks: int = 1100
    name_weight: float = 0.03
    word_weight: float = 0.03


@dataclass(frozen=True, slots=True)
class Pairs:
    """Matching rows: pictures [p, i] and texts [p, 384]; ``weight`` is that of all of them together."""

    pictures: Float32Array
    texts: Float32Array
    weight: float


def landmarks_of(rows: Float32Array, rng: np.random.Generator) -> KernelPart:
    """A kernel whose landmarks are ``rows`` [l, i] in int8, its reach their median distance, its map still empty."""
    step = np.maximum(np.abs(rows).max(axis=0) / 127, 1e-8).astype(np.float32)
    landmarks = np.rint(rows / step).astype(np.int8)
    some = rows[rng.permutation(len(rows))[:400]]
    squares = ((some[:, None] - some[None]) ** 2).sum(axis=-1)
    gamma = np.array([1 / np.median(squares[squares > 0])], np.float32)
    return KernelPart(landmarks, step, gamma, np.zeros((len(rows), 1), np.float32), np.zeros(1, np.float32))


def fit_kernels(
    pairs: Iterable[Pairs], picture: KernelPart, text: KernelPart, config: KernelConfig
) -> tuple[KernelPart, KernelPart]:
    """Both kernels with the maps that make matching rows agree most, over all ``pairs`` by their weights."""
    picture_root, text_root = _whitening(picture), _whitening(text)
    moments = _Moments(picture_root.shape[1], text_root.shape[1])
    for group in pairs:
        for start in range(0, len(group.pictures), _CHUNK):
            part = slice(start, start + _CHUNK)
            x = picture.nearness(group.pictures[part]) @ picture_root
            y = text.nearness(group.texts[part]) @ text_root
            moments.add(x, y, group.weight / len(group.pictures))
    (x_mean, x_map), (y_mean, y_map) = moments.solve(config)
    return _mapped(picture, picture_root @ x_map, x_mean @ x_map), _mapped(text, text_root @ y_map, y_mean @ y_map)


def _whitening(kernel: KernelPart) -> Float32Array:
    """K^(−1/2) of the landmarks' own kernel, [l, k], without the directions of hardly any length."""
    values, vectors = np.linalg.eigh(kernel.nearness(kernel.landmarks * kernel.step))
    kept = values > _FLOOR
    return np.asarray(vectors[:, kept] * values[kept] ** -0.5, np.float32)


def _mapped(kernel: KernelPart, out: Float32Array, mean: Float32Array) -> KernelPart:
    size = np.abs(out).max()  # the length is divided away: keep the numbers within float16
    return KernelPart(kernel.landmarks, kernel.step, kernel.gamma, out / size, -mean / size)


class _Moments:
    """Weighted first and second moments of both sides."""

    def __init__(self, x_width: int, y_width: int) -> None:
        self._weight = 0.0
        self._means = np.zeros(x_width, np.float32), np.zeros(y_width, np.float32)
        self._xx = np.zeros((x_width, x_width), np.float32)
        self._yy = np.zeros((y_width, y_width), np.float32)
        self._xy = np.zeros((x_width, y_width), np.float32)

    def add(self, x: Float32Array, y: Float32Array, weight: float) -> None:
        """Count matching rows x [n, k] and y [n, m], each with ``weight``."""
        self._weight += weight * len(x)
        for total, rows in zip(self._means, (x, y), strict=True):
            total += weight * rows.sum(axis=0)
        self._xx += weight * (x.T @ x)
        self._yy += weight * (y.T @ y)
        self._xy += weight * (x.T @ y)

    def solve(
        self, config: KernelConfig
    ) -> tuple[tuple[Float32Array, Float32Array], tuple[Float32Array, Float32Array]]:
        """For each side its mean and its map to ``config.dim`` numbers; the correlations lie on the picture side."""
        x_mean, y_mean = (total / self._weight for total in self._means)
        x_root = _inverse_root(self._xx / self._weight - np.outer(x_mean, x_mean), config.picture_ridge)
        y_root = _inverse_root(self._yy / self._weight - np.outer(y_mean, y_mean), config.text_ridge)
        shared = x_root @ (self._xy / self._weight - np.outer(x_mean, y_mean)) @ y_root
        x_turn, strength, y_turn = _leading(shared, config.dim)
        return (x_mean, x_root @ x_turn * strength**config.power), (y_mean, y_root @ y_turn)


def _inverse_root(moments: Float32Array, ridge: float) -> Float32Array:
    values, vectors = np.linalg.eigh(moments + ridge * np.trace(moments) / len(moments) * np.eye(len(moments)))
    return np.asarray(vectors * np.maximum(values, 1e-9) ** -0.5 @ vectors.T, np.float32)


def _leading(matrix: Float32Array, count: int) -> tuple[Float32Array, Float32Array, Float32Array]:
    """The ``count`` leading singular triplets, by the smaller Gram matrix: quick, and exact enough here."""
    values, left = np.linalg.eigh(matrix @ matrix.T)
    left, strength = left[:, ::-1][:, :count], np.sqrt(np.maximum(values[::-1][:count], 1e-12))
    right = matrix.T @ left / strength
    return left.astype(np.float32), strength.astype(np.float32), right.astype(np.float32)
