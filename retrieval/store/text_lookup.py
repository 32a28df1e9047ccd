"""What a search reads of people's words. Where they can't be searched, nothing is found, and a line says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.text_index import find_assets, quotes, share_held

__all__ = ["TextLookup"]

_T = TypeVar("_T")


class TextLookup:
    """Reads from a catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog, notice: Callable[[str], None]) -> None:
        self._engine = catalog.engine
        self._notice = notice

    def holding_all(self, words: Sequence[str]) -> list[int]:
        """Assets whose words hold all of ``words``, best first by BM25."""
        return self._read(lambda connection: find_assets(connection, words, all_of_them=True), [])

    def holding_some(self, words: Sequence[str]) -> list[tuple[int, float]]:
        """Assets whose words hold some of ``words`` but not all, with the share that each holds; most first."""

        def read(connection: Connection) -> list[tuple[int, float]]:
            shares = share_held(connection, words)
            order = find_assets(connection, words, all_of_them=False)
            some = [(asset_id, shares[asset_id]) for asset_id in order if shares.get(asset_id, 1.0) < 1.0]
            return sorted(some, key=lambda found: -found[1])

        return self._read(read, [])

    def quotes(self, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, str]:
        """Of each asset the part of its words that ``words`` are best found in."""
        return self._read(lambda connection: quotes(connection, words, asset_ids), {})

    def _read(self, read: Callable[[Connection], _T], nothing: _T) -> _T:
        try:
            with self._engine.connect() as connection:
                return read(connection)
        except LibraryError as error:
            self._notice(f"what people wrote can't be searched now ({error}); `vidi rebuild` makes its index again")
            return nothing
