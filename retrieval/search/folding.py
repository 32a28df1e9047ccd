"""Near-identical pictures of a ranking stand behind the first of them: bursts, and copies that were saved anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from retrieval.search.fusion import Ranked
from retrieval.spaces.space import Space
from retrieval.types import Float32Array

__all__ = ["FOLDED_MOST", "LOOKED_PAST", "alike_from", "fold"]

ALIKE_COSINE = 0.96
"""From which cosine on two pictures are near-identical, in a space that does not say: a cautious rule, not measured."""
WINDOW = 200
"""A picture is compared with so many that stand before it: what is near-identical has nearly the same rank."""
LOOKED_PAST = 40
"""Ranks below a page that are looked at for what stands behind its pictures."""
FOLDED_MOST = 10_000
"""Ranks that are compared with one another; further down each stands for itself, and a page there reads no vectors but
its own."""


def alike_from(space: Space) -> float:
    """The cosine from which on two pictures are near-identical in ``space``."""
    return float(getattr(space, "alike_cosine", ALIKE_COSINE))


def fold(ranked: Sequence[Ranked], vectors: Mapping[int, Float32Array], alike: float) -> list[Ranked]:
    """Those of ``ranked`` that stand behind no other, in their order, with how many stand behind each.

    ``vectors`` ``[d]`` by asset, of length 1, are those of pictures; what has none is never folded, nor what is
    less ``alike`` by its cosine. Whom a picture stands behind depends on what is ranked above it alone, so that pages
    of any size follow one another.
    """
    places = [place for place, each in enumerate(ranked) if each.asset.id in vectors]
    listed = np.array([vectors[ranked[place].asset.id] for place in places], np.float32)
    behind = _behind(listed, alike)
    counts: dict[int, int] = {}
    for first in behind.values():
        counts[first] = counts.get(first, 0) + 1
    folded = {places[place] for place in behind}
    known = {places[place]: count for place, count in counts.items()}
    return [
        replace(each, folded=known[place]) if place in known else each
        for place, each in enumerate(ranked)
        if place not in folded
    ]


def _behind(vectors: Float32Array, alike: float) -> dict[int, int]:
    """For each of ``vectors`` ``[n, d]`` that is like an earlier one which is like none: that one."""
    behind: dict[int, int] = {}
    firsts: list[int] = []
    for place, vector in enumerate(vectors):
        near = firsts[-WINDOW:]
        if near:
            cosines = vectors[near] @ vector
            best = int(cosines.argmax())
            if cosines[best] >= alike:
                behind[place] = near[best]
                continue
        firsts.append(place)
    return behind
