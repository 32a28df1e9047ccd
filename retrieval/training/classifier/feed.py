"""The batches of a run, in an order and with draws that step and seed alone decide.

Shapes: n pictures of a batch · s side in pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from retrieval.training.classifier.augment import Augment
from retrieval.training.classifier.picture_set import PictureSet

__all__ = ["Feed", "seed_of"]

_MASK: Final = (1 << 64) - 1


def seed_of(*parts: int) -> int:
    """A seed for torch from 0 to 2⁶³ - 1: other parts give another, near ones nothing alike (splitmix64)."""
    mixed = 0
    for part in parts:
        mixed = (mixed + part + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
    return mixed >> 1


@dataclass(frozen=True, slots=True)
class Feed:
    """Batches of ``pictures``, each picture once an epoch; what is left over of a last batch waits for another epoch.

    Of several processes (``world``) each takes its share of every batch. ``loaders``: processes that prepare pictures
    beside this one; 0 on a CPU, which the model needs.
    """

    pictures: PictureSet
    augment: Augment
    batch: int
    seed: int
    rank: int = 0
    world: int = 1
    loaders: int = 0

    @property
    def steps(self) -> int:
        """In an epoch."""
        return max(1, len(self.pictures) // self.batch)

    def epoch(self, number: int, first_step: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches from ``first_step`` on: pixels [n, 3, s, s] float32 in 0 to 1, and labels [n]."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.pictures))
        batches = []
        for step in range(first_step, self.steps):
            places = range(step * self.batch, min((step + 1) * self.batch, len(order)))[self.rank :: self.world]
            batches.append([(int(order[place]), seed_of(self.seed, number, place)) for place in places])
        yield from DataLoader(
            _Seen(self.pictures, self.augment),
            batch_sampler=batches,
            num_workers=self.loaders,
            pin_memory=self.loaders > 0 and torch.cuda.is_available(),
        )


class _Seen(Dataset[tuple[Tensor, int]]):
    """A picture as a step sees it, by its row and the seed of its draws."""

    def __init__(self, pictures: PictureSet, augment: Augment) -> None:
        self._pictures = pictures
        self._augment = augment

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        row, seed = key
        torch.manual_seed(seed)
        pixels = torch.from_numpy(self._pictures.pixels(row, row + 1)[0]).permute(2, 0, 1)  # [3, s, s]
        return self._augment(pixels), int(self._pictures.labels[row])
