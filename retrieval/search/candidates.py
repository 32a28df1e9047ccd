"""The best assets for a query vector: exact, although segments are found, not assets, and some of them are hidden."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from retrieval.search.ranking import best_by_asset, rank_assets, settled
from retrieval.store.faiss_index import CatalogIndex
from retrieval.store.file_filter import FileFilter
from retrieval.store.lookup import LiveAsset, Lookup
from retrieval.store.selection import Int64Array, Selection
from retrieval.store.vectors import NO_VECTOR
from retrieval.types import Float32Array

__all__ = ["Candidates", "find_candidates"]

_FEWEST_SEGMENTS = 64
_SEGMENTS_PER_ASSET = 1.5
"""What is asked for first: pictures have one, and what is looked up for nothing costs more than asking again."""
_GROWTH = 4
_LOOKED_UP = 10_000
"""Vectors that the catalog is asked about at once: whoever turns pages far asks of hundreds of thousands."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Live assets, best first, with the score ``[n]`` of the best segment of each."""

    assets: list[LiveAsset]
    scores: Float32Array
    compared: int
    """How many segments the query was compared with."""
    is_all: bool = True
    """Whether nothing is found below them."""

    def first(self, count: int) -> Candidates:
        """The ``count`` best of them."""
        is_all = self.is_all and len(self.assets) <= count
        return replace(self, assets=self.assets[:count], scores=self.scores[:count], is_all=is_all)

    def without(self, ids: Collection[int]) -> Candidates:
        """The others than the assets ``ids``."""
        kept = [place for place, asset in enumerate(self.assets) if asset.id not in ids]
        return replace(self, assets=[self.assets[place] for place in kept], scores=self.scores[kept])


def find_candidates(
    lookup: Lookup, index: CatalogIndex, query: Float32Array, wanted: FileFilter, count: int, allowed: Selection | None
) -> Candidates:
    """The ``count`` best assets for ``query`` ``[d]`` that have a present file that meets ``wanted``, or all.

    One video may own all of the best segments, so more are asked for until ``count`` assets can't be overtaken
    any more, or nothing is left. ``allowed`` are the vectors that ``wanted`` allows, None for all.
    """
    compared = len(index) if allowed is None else len(allowed)
    seen = _Seen(lookup, wanted)
    k = max(_FEWEST_SEGMENTS, int(_SEGMENTS_PER_ASSET * count))
    while True:
        k = min(k, max(1, len(index)))
        scores, ids = (row[0] for row in index.search(query[None], k, allowed))
        found = ids != NO_VECTOR
        best = seen.best(scores[found], ids[found])
        exhausted = k >= len(index) or not found.all()
        if exhausted or settled(best, float(scores[-1])) >= count:
            break
        k *= _GROWTH
    ranked = rank_assets(best, {asset: seen.live[asset].paths[0] for asset in best})[:count]
    scores = np.array([best[asset] for asset in ranked], np.float32)
    return Candidates([seen.live[asset] for asset in ranked], scores, compared, exhausted and len(best) <= count)


class _Seen:
    """What the catalog says of the vectors met so far, each asked for once."""

    def __init__(self, lookup: Lookup, wanted: FileFilter) -> None:
        self._lookup = lookup
        self._wanted = wanted
        self._assets: dict[int, int | None] = {}
        self.live: dict[int, LiveAsset] = {}

    def best(self, scores: Float32Array, ids: Int64Array) -> dict[int, float]:
        """The best score of each live asset among the segments ``ids`` ``[n]``."""
        listed = ids.tolist()
        new = [vector_id for vector_id in listed if vector_id not in self._assets]
        for start in range(0, len(new), _LOOKED_UP):
            self._look_up(new[start : start + _LOOKED_UP])
        return best_by_asset(scores, [self._assets[vector_id] for vector_id in listed])

    def _look_up(self, ids: list[int]) -> None:
        live = self._lookup.live_by_vector(ids, self._wanted)
        self.live |= {asset.id: asset for asset in live.values()}
        for vector_id in ids:
            self._assets[vector_id] = live[vector_id].id if vector_id in live else None
