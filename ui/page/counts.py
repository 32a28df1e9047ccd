"""The line at the bottom: what is indexed now. Counting a large library takes seconds, so that it is done seldom."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from html import escape
from typing import Protocol

from retrieval.errors import ModelError
from retrieval.spaces.registry import get_space
from retrieval.store.catalog import Catalog
from retrieval.store.census import Census, take_census
from retrieval.types import MediaKind
from ui.wording import plural

__all__ = ["Counts", "HasDefaultSpace", "footer"]

_SECONDS_AT_LEAST = 2.0
_TIMES_ITS_COST = 20
"""A count is used for so many times as long as it took: a twentieth of a core at most goes into counting."""
_log = logging.getLogger(__name__)


class HasDefaultSpace(Protocol):
    """What counting needs of a library."""

    @property
    def default_space(self) -> str:
        """As :attr:`retrieval.library.Library.default_space`."""


class Counts:
    """Counts a library for all tabs that ask. Safe to share between threads."""

    def __init__(self, library: HasDefaultSpace, catalog: Catalog) -> None:
        self._library = library
        self._catalog = catalog
        self._lock = threading.Lock()
        self._counted: Census | None = None
        self._good_until = 0.0

    def census(self) -> Census:
        """What the library holds, or held a moment ago."""
        with self._lock:
            if self._counted is None or time.monotonic() >= self._good_until:
                began = time.monotonic()
                self._counted = take_census(self._catalog, most=0)
                ended = time.monotonic()
                self._good_until = ended + max(_SECONDS_AT_LEAST, _TIMES_ITS_COST * (ended - began))
            return self._counted

    def footer(self) -> str:
        """HTML: what is indexed, and what the space understands; nothing where it can't be counted."""
        try:
            census = self.census()
            searched = self._library.default_space if census.spaces else None
            return footer(census, _languages_of(searched), searched)
        except Exception as error:  # noqa: BLE001 a border of the page: a person sees nothing, the terminal the cause
            _log.error("counting failed: %s: %s", type(error).__name__, error)
            return ""


def _languages_of(space: str | None) -> Sequence[str]:
    """Those that it reads; none are told of a space that this vidi doesn't know."""
    try:
        return get_space(space).languages if space else ()
    except ModelError:
        return ()


def footer(census: Census, languages: Sequence[str], space: str | None = None) -> str:
    """What is indexed now, and what the ``space`` in which it is searched understands."""
    *firsts, last = [plural(census.assets[kind], kind.value) for kind in MediaKind if census.assets[kind]] or [""]
    counts = f"{', '.join(firsts)} and {last}" if firsts else last
    facts = [f"{counts} indexed"] if counts else []
    if census.files_waiting:
        facts.append(f"{plural(census.files_waiting, 'file')} waiting to be indexed")
    if space is not None:
        facts.append(f"space {space}")
    if tuple(languages) == ("en",):
        facts.append("understands English")
    facts.append("nothing leaves this machine")
    return f'<p class="vidi-footer">{escape(" · ".join(facts))}</p>'
