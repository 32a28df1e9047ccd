"""Rankings by several kinds of evidence as one, by weighted reciprocal rank.

Cormack, Clarke and Buettcher, 2009: reciprocal rank fusion, with their constant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from retrieval.search.results import Reason
from retrieval.store.lookup import LiveAsset
from retrieval.types import Moment

__all__ = ["JOINED_MOST", "RANK_CONSTANT", "Ranked", "Ranking", "fuse"]

JOINED_MOST = 200
"""Ranks of each ranking that count: what stands further down moves little (1/260 against 1/61), and pages stay the same
however far one turns them."""
RANK_CONSTANT = 60


@dataclass(frozen=True, slots=True)
class Ranked:
    """An asset in its place, the chance that it fits, and what brought it there."""

    asset: LiveAsset
    chance: float
    why: tuple[Reason, ...]
    moments: tuple[Moment, ...] = ()
    """Where words were said or shown that it was found by; they stand before those of the frames."""
    folded: int = 0
    """How many near-identical pictures of the ranking stand behind it."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Assets, best first, as one ``source`` of evidence has them."""

    source: str
    assets: Sequence[LiveAsset]
    chances: Mapping[int, float]
    """By asset: how likely it fits, as far as this source can tell."""
    fitting: Collection[int] = field(default_factory=frozenset)
    """Assets that fit by a rule of this source, whatever chance the space asks for."""
    weight: float = 1.0
    owed: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """By another source and asset: which part of its place, 0 to 1, it owes to that."""

    def without(self, ids: Collection[int]) -> Ranking:
        """The ranking of the others than the assets ``ids``."""
        chances = {asset_id: chance for asset_id, chance in self.chances.items() if asset_id not in ids}
        fitting = [asset_id for asset_id in self.fitting if asset_id not in ids]
        assets = [asset for asset in self.assets if asset.id not in ids]
        return replace(self, assets=assets, chances=chances, fitting=frozenset(fitting))


def fuse(rankings: Sequence[Ranking], fits_from: float) -> list[Ranked]:
    """All assets of ``rankings``: by the sum of weight / (60 + rank) over the first 200 of each, equal ones by name.

    What stands below the 200th place of a ranking, and in no other, follows in its order. A single ranking keeps its
    order. The chance is the highest that a source gives; what fits by a source's own rule has at least ``fits_from``.
    """
    shares: defaultdict[int, dict[str, float]] = defaultdict(dict)
    chances: defaultdict[int, float] = defaultdict(float)
    assets: dict[int, LiveAsset] = {}
    for ranking in rankings:
        for asset_id, chance in ranking.chances.items():
            least = fits_from if asset_id in ranking.fitting else 0.0
            chances[asset_id] = max(chances[asset_id], chance, least)
        for rank, asset in enumerate(ranking.assets[:JOINED_MOST], 1):
            assets[asset.id] = asset
            share = ranking.weight / (RANK_CONSTANT + rank)
            for source, part in _parts(ranking, asset.id):
                shares[asset.id][source] = shares[asset.id].get(source, 0.0) + share * part
    score = {asset_id: sum(by_source.values()) for asset_id, by_source in shares.items()}
    order = sorted(assets, key=lambda key: (-score[key], assets[key].paths[0], key))
    fused = [Ranked(assets[key], chances[key], _why(shares[key])) for key in order]
    return fused + _rest(rankings, chances, assets)


def _parts(ranking: Ranking, asset_id: int) -> list[tuple[str, float]]:
    """Whose an asset's place in the ranking is: by source, in parts of 1."""
    owed = [(source, parts[asset_id]) for source, parts in ranking.owed.items() if asset_id in parts]
    own = 1 - sum(part for _, part in owed)
    return [(ranking.source, own), *owed] if own > 0 else owed


def _rest(rankings: Sequence[Ranking], chances: Mapping[int, float], joined: Collection[int]) -> list[Ranked]:
    rest: dict[int, Ranked] = {}
    for ranking in rankings:
        for asset in ranking.assets[JOINED_MOST:]:
            if asset.id not in joined and asset.id not in rest:
                rest[asset.id] = Ranked(asset, chances[asset.id], (Reason(ranking.source, 1.0),))
    return list(rest.values())


def _why(shares: Mapping[str, float]) -> tuple[Reason, ...]:
    """The share of each source, the greatest first."""
    total = sum(shares.values())
    return tuple(Reason(source, share / total) for source, share in sorted(shares.items(), key=lambda each: -each[1]))
