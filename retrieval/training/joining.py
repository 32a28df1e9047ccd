"""What is fitted in closed form beside the trained MLPs: the kernel parts, the gate between the parts,
and how near pictures lie to texts in general.

Shapes: n rows · i what the picture head reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.spaces.heads import SENTENCE, Head, HubPart, KernelPart
from retrieval.training.contrastive_data import TrainingData, some_of
from retrieval.training.kernel_cca import KernelConfig, Pairs, fit_kernels, landmarks_of
from retrieval.training.names import WordGroup
from retrieval.types import Float32Array

__all__ = ["HubConfig", "fit_gate", "fit_hubs", "fit_kernel_parts"]

_GATE_DECAY: Final = 3e-6
_NAMED_PAIRS: Final = 20_000


@dataclass(frozen=True, slots=True)
class HubConfig:
    """Attributes: captions and words in the bank; heat of the mean over it; strength, the share that is taken off."""

    captions: int = 1000
    words: int = 500
    heat: float = 20.0
    strength: float = 0.5


def fit_kernel_parts(
    data: TrainingData, config: KernelConfig, rng: np.random.Generator
) -> tuple[KernelPart, KernelPart]:
    """Both kernel parts, over captions and, lighter, over names and words."""
    x, chances = data.named_pictures(_NAMED_PAIRS, rng)
    x, chances = x[chances.any(axis=1)], chances[chances.any(axis=1)]
    drawn = _draw_class(chances, rng)
    names = _named_pairs(x, drawn, data.names.names, config.name_weight, rng)
    words = _named_pairs(x, drawn, data.names.words, config.word_weight, rng)
    count = config.picture_landmarks
    picture = some_of(data.views[0], count, rng), some_of(data.made, count // 5, rng)
    count = config.text_landmarks
    bare = some_of(np.concatenate([names.texts, words.texts]), count // 3, rng)
    text = some_of(data.captions.vectors, count, rng), bare
    pairs = chain(_caption_pairs(data, rng), [names, words])
    picture_kernel, text_kernel = (landmarks_of(np.concatenate(rows), rng) for rows in (picture, text))
    return fit_kernels(pairs, picture_kernel, text_kernel, config)


def _caption_pairs(data: TrainingData, rng: np.random.Generator) -> Iterator[Pairs]:
    """Each caption with two views of its picture (with the one, where there is but one)."""
    turns = min(2, len(data.views))
    for _ in range(turns):
        view = rng.integers(len(data.views), size=len(data.captions.owners))
        yield Pairs(data.views[view, data.captions.owners], data.captions.vectors, 1 / turns)


def _draw_class(chances: Float32Array, rng: np.random.Generator) -> NDArray[np.int64]:
    """A class for each row of chances [n, 1000], drawn by them."""
    passed = chances.cumsum(axis=1) > rng.random((len(chances), 1)) * chances.sum(axis=1, keepdims=True)
    return np.asarray(passed.argmax(axis=1), np.int64)


def _named_pairs(
    x: Float32Array, classes: NDArray[np.int64], group: WordGroup, weight: float, rng: np.random.Generator
) -> Pairs:
    """Each picture with a word that covers its class; pictures of a class without words are left out."""
    covered = np.isin(classes, np.flatnonzero(group.covers.any(axis=0)))
    return Pairs(x[covered], _text_of_class(group, classes[covered], rng), weight)


def _text_of_class(group: WordGroup, classes: NDArray[np.int64], rng: np.random.Generator) -> Float32Array:
    """For each class a text of a word that covers it, narrow words first: [n, 384]."""
    width = group.covers.sum(axis=1)
    texts = np.empty((len(classes), group.vectors.shape[2]), np.float32)
    for chosen in np.unique(classes):
        rows, words = np.flatnonzero(classes == chosen), np.flatnonzero(group.covers[:, chosen])
        odds = 1 / width[words] ** 0.5
        texts[rows] = group.worded(rng.choice(words, len(rows), p=odds / odds.sum()), rng)
    return texts


def fit_gate(data: TrainingData, rng: np.random.Generator) -> tuple[Float32Array, Float32Array]:
    """A logistic [384], [1] that tells captions (1) from names and words (0), both kinds weighing the same."""
    groups = data.names.names, data.names.words
    bare = np.concatenate([group.worded(np.arange(len(group.vectors)), rng) for group in groups])
    whole = some_of(data.captions.vectors, len(bare), rng)
    x = torch.from_numpy(np.concatenate([whole, bare]))
    y = torch.cat([torch.ones(len(whole)), torch.zeros(len(bare))])
    gate = nn.Linear(SENTENCE, 1)
    optimizer = torch.optim.LBFGS(gate.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(gate(x)[:, 0], y) + _GATE_DECAY * gate.weight.square().sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return gate.weight.detach().numpy()[0], gate.bias.detach().numpy()


def fit_hubs(data: TrainingData, picture: Head, text: Head, config: HubConfig, rng: np.random.Generator) -> HubPart:
    """The bank of embedded captions and words, and how near the training pictures lie to it on average."""
    bare = data.names.words.worded(rng.permutation(len(data.names.words.vectors))[: config.words], rng)
    bank = text(np.concatenate([some_of(data.captions.vectors, config.captions, rng), bare]))
    heat, strength = np.array([config.heat], np.float32), np.array([config.strength], np.float32)
    blank = HubPart(bank, heat, np.zeros(1, np.float32), strength)
    return replace(blank, usual=blank.crowding(picture(data.views[0])).mean(axis=0))
