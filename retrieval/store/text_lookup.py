"""What a search reads of words. Where they can't be searched, nothing is found, and a line says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TypeVar

from sqlalchemy import Connection, Select

from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.file_filter import EVERYTHING, FileFilter
from retrieval.store.filter_conditions import assets_meeting
from retrieval.store.remembered import Remembered
from retrieval.store.text_index import (
    RANKED_MOST,
    find_assets,
    find_some,
    holds_anything,
    is_outdated,
    quotes,
    share_among,
)
from retrieval.store.timed_text_index import Quote, find_timed, holds_timed, phrase_quotes, timed_quotes
from retrieval.types import TextSource

__all__ = ["TextLookup"]

_T = TypeVar("_T")


class TextLookup:
    """Reads from a catalog. Safe to share between threads."""

    def __init__(self, catalog: Catalog, notice: Callable[[str], None]) -> None:
        self._engine = catalog.engine
        self._notice = notice
        self._known = Remembered(catalog)

    def holding_all(
        self,
        words: Sequence[str],
        *,
        without: Sequence[Sequence[str]] = (),
        wanted: FileFilter = EVERYTHING,
        up_to: int | None = None,
    ) -> list[int]:
        """Assets whose words hold all of ``words``, and not all of one of ``without``; best first by BM25.

        ``up_to`` an id, if one is given. Of too many to be ranked, the newest that meet ``wanted`` are; of fewer, all,
        whether they meet it or not.
        """

        def find(connection: Connection, among: Select[int] | None) -> list[int]:
            return find_assets(connection, words, without=without, up_to=up_to, among=among)

        return self._read(lambda connection: _narrowed(find, wanted, connection), []) if self.any_words() else []

    def holding_some(self, words: Sequence[str], *, up_to: int | None = None) -> list[tuple[int, float]]:
        """Assets whose words hold some of ``words`` but not all, with the share that each holds; most first.

        Of a word that too many hold the newest count.
        """

        def read(connection: Connection) -> list[tuple[int, float]]:
            by_word = [find_assets(connection, [word], up_to=up_to) for word in words]
            held = Counter(asset_id for holders in by_word for asset_id in holders)
            order = dict.fromkeys([*find_some(connection, words, up_to=up_to), *chain(*sorted(by_word, key=len))])
            some = [(key, held[key] / len(words)) for key in order if 0 < held[key] < len(words)]
            return sorted(some, key=lambda found: -found[1])

        return self._read(read, []) if self.any_words() else []

    def any_words(self) -> bool:
        """Whether people wrote anything that can be searched."""
        return self._has("words", holds_anything)

    def share_among(self, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, float]:
        """Of those of ``asset_ids`` whose words hold any of ``words``, which share of them they hold."""
        if not self.any_words():
            return {}
        return self._read(lambda connection: share_among(connection, words, asset_ids), {})

    def quotes(self, words: Sequence[str], asset_ids: Sequence[int]) -> dict[int, str]:
        """Of each asset the part of its words that ``words`` are best found in."""
        return self._read(lambda connection: quotes(connection, words, asset_ids), {}) if self.any_words() else {}

    def timed(
        self,
        source: TextSource,
        words: Sequence[str],
        *,
        without: Sequence[Sequence[str]] = (),
        wanted: FileFilter = EVERYTHING,
        up_to: int | None = None,
    ) -> list[int]:
        """Assets in which one utterance, or one text on the screen, holds all of ``words``, best first by BM25.

        Those are left out in which one holds all of one of ``without``; ``wanted`` and ``up_to`` are as with
        :meth:`holding_all`.
        """

        def find(connection: Connection, among: Select[int] | None) -> list[int]:
            return find_timed(connection, source, words, without=without, up_to=up_to, among=among)

        nothing: list[int] = []
        if not self._any(source):
            return nothing
        return list(dict.fromkeys(self._read(lambda connection: _narrowed(find, wanted, connection), nothing)))

    def timed_among(self, source: TextSource, words: Sequence[str], asset_ids: Sequence[int]) -> set[int]:
        """Those of ``asset_ids`` in which one utterance, or one text on the screen, holds all of ``words``."""
        nothing: list[int] = []
        if not self._any(source):
            return set()
        return set(self._read(lambda connection: find_timed(connection, source, words, among=asset_ids), nothing))

    def timed_quotes(
        self, source: TextSource, words: Sequence[str], asset_ids: Sequence[int], most: int
    ) -> dict[int, list[Quote]]:
        """Of each asset the ``most`` best places of ``words``."""
        if not self._any(source):
            return {}
        return self._read(lambda connection: timed_quotes(connection, source, words, asset_ids, most), {})

    def phrase_quotes(
        self, source: TextSource, phrase: str, asset_ids: Sequence[int], most: int
    ) -> dict[int, list[Quote]]:
        """Of each asset the ``most`` best places where it says ``phrase``."""
        if not self._any(source):
            return {}
        return self._read(lambda connection: phrase_quotes(connection, source, phrase, asset_ids, most), {})

    def _any(self, source: TextSource) -> bool:
        return self._has(source, lambda connection: holds_timed(connection, source))

    def _has(self, key: str, held: Callable[[Connection], bool]) -> bool:
        """Whether there is anything to find; asked again once something was committed."""

        def ask() -> bool:
            with self._engine.connect() as connection:
                if is_outdated(connection):
                    self._notice("what people wrote is indexed anew by the next `vidi index`, or by `vidi rebuild`")
                return held(connection)

        return self._told(lambda: self._known.of(key, ask), False)

    def _read(self, read: Callable[[Connection], _T], nothing: _T) -> _T:
        def connected() -> _T:
            with self._engine.connect() as connection:
                return read(connection)

        return self._told(connected, nothing)

    def _told(self, read: Callable[[], _T], nothing: _T) -> _T:
        try:
            return read()
        except LibraryError as error:
            self._notice(f"words can't be searched now ({error}); `vidi rebuild` makes their index again")
            return nothing


def _narrowed(
    find: Callable[[Connection, Select[int] | None], list[int]], wanted: FileFilter, connection: Connection
) -> list[int]:
    """What ``find`` finds; where that may not be all, of what meets ``wanted``."""
    found = find(connection, None)
    if len(found) < RANKED_MOST or not wanted:
        return found
    return find(connection, assets_meeting(wanted, connection))
