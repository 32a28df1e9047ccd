"""Sounds among videos: windows without a frame, whose scores lack the terms of sight."""

from __future__ import annotations

import numpy as np

from retrieval.search.candidates import Candidates
from retrieval.search.open_spaces import OpenSpace
from retrieval.search.ranking import rank_assets
from retrieval.spaces.mmt import MmtSpace
from retrieval.store.lookup import Lookup
from retrieval.types import Float32Array

__all__ = ["with_sounds"]


def with_sounds(
    over: OpenSpace, asked: Float32Array, found: Candidates, sounds: Candidates, lookup: Lookup
) -> Candidates:
    """``found`` by windows, and ``sounds`` among them by what of the query ``asked`` ``[d]`` can be heard at all.

    Inner products alone would leave sounds out wherever there are videos enough. See :meth:`MmtSpace.evened`.
    """
    assert isinstance(over.space, MmtSpace)
    scores = {asset.id: float(score) for asset, score in zip(found.assets, found.scores, strict=True)}
    for asset_id, own in lookup.segments(over.row, [asset.id for asset in sounds.assets]).items():
        best = own.vectors @ asked
        row = int(best.argmax())
        scores[asset_id] = float(over.space.evened(best[[row]], own.vectors[[row]], asked)[0])
    assets = {asset.id: asset for asset in (*found.assets, *sounds.assets)}
    order = rank_assets(scores, {key: assets[key].paths[0] for key in scores})
    ranked = np.array([scores[key] for key in order], np.float32)
    return Candidates([assets[key] for key in order], ranked, found.compared)
