"""What a search reads of words. Where they can't be searched, nothing is found, and a line says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.text_index import find_assets, holds_anything, is_outdated, quotes, share_among, share_held
from retrieval.store.timed_text_index import Quote, find_timed, phrase_quotes, timed_quotes
from retrieval.types import TextSource

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

    def any_words(self) -> bool:
        """Whether people wrote anything that can be searched."""
        return self._read(holds_anything, False)

    def share_among(self, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, float]:
        """Of those of ``asset_ids`` whose words hold any of ``words``, which share of them they hold."""
        return self._read(lambda connection: share_among(connection, words, asset_ids), {})

    def quotes(self, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, str]:
        """Of each asset the part of its words that ``words`` are best found in."""
        return self._read(lambda connection: quotes(connection, words, asset_ids), {})

    def timed(self, source: TextSource, words: Sequence[str]) -> list[int]:
        """Assets in which one utterance, or one text on the screen, holds all of ``words``, best first by BM25."""
        return self._read(lambda connection: find_timed(connection, source, words), [])

    def timed_quotes(
        self, source: TextSource, words: Sequence[str], asset_ids: Sequence[int], most: int
    ) -> dict[int, list[Quote]]:
        """Of each asset the ``most`` best places of ``words``."""
        return self._read(lambda connection: timed_quotes(connection, source, words, asset_ids, most), {})

    def phrase_quotes(
        self, source: TextSource, phrase: str, asset_ids: Sequence[int], most: int
    ) -> dict[int, list[Quote]]:
        """Of each asset the ``most`` best places where it says ``phrase``."""
        return self._read(lambda connection: phrase_quotes(connection, source, phrase, asset_ids, most), {})

    def _read(self, read: Callable[[Connection], _T], nothing: _T) -> _T:
        try:
            with self._engine.connect() as connection:
                if is_outdated(connection):
                    self._notice("what people wrote is indexed anew by the next `vidi index`, or by `vidi rebuild`")
                return read(connection)
        except LibraryError as error:
            self._notice(f"words can't be searched now ({error}); `vidi rebuild` makes their index again")
            return nothing
