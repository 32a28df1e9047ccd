"""From ids in the order of some evidence to the assets that may be shown."""

from __future__ import annotations

from collections.abc import Sequence

from retrieval.search.query import Query
from retrieval.store.lookup import LiveAsset, Lookup

__all__ = ["live_in_order"]

_IDS_PER_LOOK = 500


def live_in_order(lookup: Lookup, ids: Sequence[int], query: Query, most: int) -> list[LiveAsset]:
    """The first ``most`` of ``ids`` that have a present file which meets the query's filter, in their order."""
    found: list[LiveAsset] = []
    for start in range(0, len(ids), _IDS_PER_LOOK):
        chunk = ids[start : start + _IDS_PER_LOOK]
        live = lookup.live_assets(chunk, query.allowed)
        found += [live[asset_id] for asset_id in chunk if asset_id in live]
        if len(found) >= most:
            break
    return found[:most]
