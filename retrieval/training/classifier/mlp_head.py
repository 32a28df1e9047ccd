"""A head with one hidden layer on features: for many pictures whose classes no plane parts.

The number of epochs is chosen as the linear head's penalty is, on pictures held out in turn; the head that is kept
learns from all of them for so long.

Shapes: n pictures · d features · w hidden width · k classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from retrieval.models.classifier_files import HeadWeights
from retrieval.training.classifier.features import FeatureSet
from retrieval.training.classifier.feed import seed_of
from retrieval.training.classifier.head import TrainedHead, held_out_parts
from retrieval.training.classifier.logistic import Scaling, cross_entropy, fit_temperature
from retrieval.types import Float32Array

__all__ = ["train_mlp_head"]

_HIDDEN: Final = 256
_DROPPED: Final = 0.5
_BATCH: Final = 64
_RATE: Final = 1e-3
_DECAY: Final = 1e-2
_EPOCHS: Final = 40
_SMOOTHING: Final = 0.1


def train_mlp_head(
    data: FeatureSet, *, seed: int, say: Callable[[str], None], epochs: int = _EPOCHS, hidden: int = _HIDDEN
) -> TrainedHead:
    """A head of one hidden layer over ``data``. The caller's random state is put back."""
    classes = len(data.classes)
    parts = held_out_parts(data.labels, seed)
    labels = np.concatenate([data.labels[part] for part in parts])
    answers = [
        [head.logits(data.plain[part]) for head in _epochs(*data.seen(~part), classes, hidden, seed, epochs)]
        for part in parts
    ]
    logits = np.concatenate([np.stack(each) for each in answers], axis=1)  # [epochs, n, k]
    curve = [
        {
            "epoch": float(number + 1),
            "dev_loss": cross_entropy(found, labels),
            "dev_accuracy": float((found.argmax(axis=1) == labels).mean()),
        }
        for number, found in enumerate(logits)
    ]
    best = int(np.argmin([entry["dev_loss"] for entry in curve]))
    say(f"{best + 1} epochs did best on {len(labels):,} pictures held out in {len(parts)} parts")
    *_, weights = _epochs(*data.seen(), classes, hidden, seed, best + 1)
    chosen = {"epochs": best + 1, "parts": len(parts)}
    return TrainedHead(weights, fit_temperature(logits[best], labels), logits[best], labels, curve, chosen)


def _epochs(
    features: Float32Array, labels: NDArray[np.int64], classes: int, hidden: int, seed: int, epochs: int
) -> Iterator[HeadWeights]:
    """The head after each epoch over ``features`` [n, d] and ``labels`` [n]."""
    scaling = Scaling.of(features)
    x, y = torch.from_numpy(scaling.scaled(features)), torch.from_numpy(labels)
    x *= x.shape[1] ** 0.5  # layers start from the assumption that every feature varies by 1
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, 2))
        net = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.ReLU(), nn.Dropout(_DROPPED), nn.Linear(hidden, classes))
        optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
        state = torch.get_rng_state()
    for _ in range(epochs):
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            for rows in torch.split(torch.randperm(len(x)), _BATCH):
                optimizer.zero_grad(set_to_none=True)
                F.cross_entropy(net(x[rows]), y[rows], label_smoothing=_SMOOTHING).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            state = torch.get_rng_state()
        yield _weights(net, scaling)


def _weights(net: nn.Sequential, scaling: Scaling) -> HeadWeights:
    (first, first_bias), (second, second_bias) = (
        (layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())
        for layer in net
        if isinstance(layer, nn.Linear)
    )
    direct = scaling.unscaled(first * np.float32(first.shape[1] ** 0.5), first_bias)
    return HeadWeights((direct[0], second), (direct[1], second_bias))
