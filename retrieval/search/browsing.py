"""What meets a filter when nothing else is asked: the newest first, whole, each certain."""

from __future__ import annotations

from retrieval.search.fusion import Ranked
from retrieval.search.paging import Page
from retrieval.search.query import Query
from retrieval.search.results import Reason
from retrieval.store.lookup import Lookup

__all__ = ["newest"]


def newest(lookup: Lookup, query: Query, size: int) -> Page:
    """The page of ``query`` of all that its filter lets through, the last taken first, of ``size`` contents."""
    if query.offset >= size:
        return Page()
    found = lookup.newest(query.allowed, query.offset + query.top + 1)[query.offset :]
    ids, goes_on = found[: query.top], len(found) > query.top
    live = lookup.live_assets(ids, query.allowed)
    return Page(
        [Ranked(live[asset_id], 1.0, (Reason("filter", 1.0),)) for asset_id in ids if asset_id in live], goes_on
    )
