"""The spaces of a library that are open for searching: which one a name means, its model, and its vector index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from retrieval.errors import LibraryError, QueryError
from retrieval.spaces.registry import DEFAULT_SPACE
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.faiss_index import CatalogIndex, Notice, open_index
from retrieval.store.lookup import Lookup

__all__ = ["OpenSpace", "OpenSpaces"]


@dataclass(frozen=True, slots=True)
class OpenSpace:
    """A space that is ready to be searched."""

    space: Space
    row: SpaceRow
    index: CatalogIndex


class OpenSpaces:
    """Opens spaces when they are first asked for and keeps them. Safe to share between threads."""

    def __init__(self, catalog: Catalog, get_space: Callable[[str], Space], notice: Notice) -> None:
        self._catalog = catalog
        self._lookup = Lookup(catalog)
        self._get_space = get_space
        self._notice = notice
        self._lock = RLock()
        self._spaces: dict[str, Space] = {}
        self._indexes: dict[int, CatalogIndex] = {}

    def open(self, name: str | None) -> OpenSpace:
        """The space called ``name``, with every vector that is committed now.

        None: the one that was chosen for the library, else the starter.

        Raises:
            UnknownSpaceError: there is no such space.
            QueryError: the library holds nothing in it, but does in another.
            LibraryError: the library is empty, or was indexed by another version of the space.
        """
        with self._lock:
            space = self._space(name or self._own())
            row = self._row(space)
            return OpenSpace(space, row, self._index(row))

    def _own(self) -> str:
        if (chosen := self._catalog.default_space) is not None:
            return chosen
        names = [use.space.name for use in self._lookup.spaces()]
        return DEFAULT_SPACE if DEFAULT_SPACE in names or not names else names[0]

    def _space(self, name: str) -> Space:
        if name not in self._spaces:
            self._spaces[name] = self._get_space(name)
        return self._spaces[name]

    def _row(self, space: Space) -> SpaceRow:
        uses = self._lookup.spaces()
        versions = [use.space for use in uses if use.space.name == space.name]
        for row in versions:
            if row.version == space.version:
                return row
        if versions:
            raise LibraryError(
                f"the library was indexed by version {versions[0].version} of {space.name}, "
                f"and this vidi has version {space.version}; run `vidi index` on its folders again"
            )
        if uses:
            known = ", ".join(sorted({use.space.name for use in uses}))
            raise QueryError(
                f"nothing is indexed in the space {space.name}, expected one of: {known}; "
                f"add it with `vidi index FOLDER --space {space.name}`"
            )
        raise LibraryError(f"the library {self._catalog.library} is empty; fill it with `vidi index FOLDER`")

    def _index(self, row: SpaceRow) -> CatalogIndex:
        if row.id not in self._indexes:
            self._indexes[row.id] = open_index(self._catalog, row, save=True, notice=self._notice)
        else:
            self._indexes[row.id].refresh()
        return self._indexes[row.id]
