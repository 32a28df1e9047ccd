"""The configuration that `vidi train mmt` trains, over the experts that are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from retrieval.models.mmt_config import AlignedTerm, AlignedText, FrameTerm, MmtConfig, TokenText, mmt_small

__all__ = ["EVENTS", "trained_config"]

EVENTS: Final = 3
"""Aligned terms over frames: as many events as a text may tell in their order."""

_FRAMES_START: Final = 2.0
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
        text=TokenText(layers=1),
    )
