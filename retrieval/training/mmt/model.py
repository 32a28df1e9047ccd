"""The configuration that `vidi train mmt` trains, over the experts that are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch

from retrieval.models.mmt import Mmt
from retrieval.models.mmt_config import AlignedTerm, AlignedText, FrameTerm, MmtConfig, TokenText, mmt_small
from retrieval.training.mmt.clips import ClipSet, one_of

__all__ = ["EVENTS", "start_from_statistics", "trained_config"]

EVENTS: Final = 3
"""Aligned terms over frames: as many events as a text may tell in their order."""

_FRAMES_START: Final = 2.0
_SAMPLE: Final = 1000  # clips
_LEAST_DEVIATION: Final = 1e-3
_UNEVEN: Final = frozenset({"motion"})
_WORDS: Final = ("ocr", "speech")  # experts whose features are sentence vectors


def trained_config(
    dims: Mapping[str, int], *, pictures: str, picture_dim: int, width: int = 256, layers: int = 2, heads: int = 4
) -> MmtConfig:
    """A small model over experts by the width of their features, with a frame term and aligned terms.

    ``pictures`` is the picture space, whose vectors, ``picture_dim`` wide, are the features of ``appearance``.
    """
    aligned: list[AlignedTerm] = []
    if "appearance" in dims:
        aligned += [
            AlignedTerm(name=f"event {number}", expert="appearance", text=AlignedText.PICTURES)
            for number in range(1, EVENTS + 1)
        ]
    aligned += [AlignedTerm(name=name, expert=name, text=AlignedText.SENTENCES) for name in _WORDS if name in dims]
    return mmt_small(
        {**dims, **({"appearance": picture_dim} if "appearance" in dims else {})},
        frames=FrameTerm(space=pictures, dim=picture_dim, start=_FRAMES_START),
        aligned=aligned,
        width=width,
        layers=layers,
        heads=heads,
        feed_forward=2 * width,
        text=TokenText(),
    )


def start_from_statistics(model: Mmt, clips: ClipSet, seed: int) -> None:
    """Start the projections of features of unlike scales so that each column counts alike.

    As if features were standardised first (mean 0, deviation 1 over some of ``clips``), but folded into the projection:
    else a camera's pan of a few hundredths would stay unseen beside columns a hundred times as large. That is so of
    motion (and does no harm where a network tells it); other states of a network, and vectors of a space, are left as
    they are.
    """
    rng = np.random.default_rng([seed, 6])
    windows = [one_of(clips[int(row)].windows, rng) for row in rng.permutation(len(clips))[:_SAMPLE]]
    for name in _UNEVEN & set(model.config.names):
        rows = [window.tracks[name].features for window in windows if name in window.tracks]
        rows = [row[np.isfinite(row).all(axis=1)] for row in rows]
        if not sum(map(len, rows)):
            continue
        features = np.concatenate(rows).astype(np.float32)
        mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_DEVIATION)
        linear = model.video.projections.get_submodule(name).get_submodule("linear")
        weight, bias = linear.get_parameter("weight"), linear.get_parameter("bias")
        with torch.no_grad():
            weight.div_(torch.from_numpy(deviation).to(weight))
            bias.sub_(weight @ torch.from_numpy(mean).to(weight))
