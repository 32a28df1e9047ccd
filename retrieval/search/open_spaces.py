"""The spaces of a library that are open for searching: which one a name means, its model, and its vector index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import RLock

from retrieval.errors import LibraryError, ModelError, QueryError
from retrieval.search.background_training import BackgroundTraining
from retrieval.search.default_space import default_space
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.faiss_index import CatalogIndex, Notice, open_index
from retrieval.store.lookup import Lookup
from retrieval.store.results import WINDOW_SPACES

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
        self._version: int | None = None
        self._found: dict[str | None, tuple[Space, SpaceRow]] = {}
        self._windows: dict[str, tuple[Space, SpaceRow] | None] = {}
        self._training = BackgroundTraining(catalog)

    def open(self, name: str | None) -> OpenSpace:
        """The space called ``name``, with every vector that is committed now.

        None: see :func:`retrieval.search.default_space.default_space`.

        Raises:
            UnknownSpaceError: there is no such space.
            QueryError: the library holds nothing in it, but does in another.
            LibraryError: the library is empty, or was indexed by another version of the space.
        """
        with self._lock:
            self._see_changes()
            if name not in self._found:
                space = self._space(name or default_space(self._catalog))
                self._found[name] = (space, self._row(space))
            space, row = self._found[name]
            return OpenSpace(space, row, self._index(space, row))

    def windows_over(self, pictures: str) -> OpenSpace | None:
        """The space of windows upon the picture space called ``pictures`` that holds the most; of equals the newest.

        None where none is here.

        One whose model is gone or has changed since is passed over: frames still answer.
        """
        with self._lock:
            self._see_changes()
            if pictures not in self._windows:
                rows = (row for row in self._lookup.spaces() if row.name.startswith(WINDOW_SPACES))
                over = [found for row in rows if (found := self._over(row, pictures)) is not None]
                self._windows[pictures] = max(over, key=lambda found: self._lookup.finished(found[1]), default=None)
            found = self._windows[pictures]
            return None if found is None else OpenSpace(*found, self._index(*found))

    def _over(self, row: SpaceRow, pictures: str) -> tuple[Space, SpaceRow] | None:
        try:
            space = self._space(row.name)
        except ModelError as error:
            self._notice(f"{row.name} is left out: {error}")
            return None
        stands = isinstance(space, MmtSpace) and space.pictures is not None and space.pictures.name == pictures
        return (space, row) if stands and space.version == row.version else None

    def _see_changes(self) -> None:
        version = self._catalog.version()
        if version is None or version != self._version:
            self._found.clear()
            self._windows.clear()
            self._version = version

    def _space(self, name: str) -> Space:
        if name not in self._spaces:
            self._spaces[name] = self._get_space(name)
        return self._spaces[name]

    def _row(self, space: Space) -> SpaceRow:
        known = self._lookup.spaces()
        versions = [row for row in known if row.name == space.name]
        for row in versions:
            if row.version == space.version:
                return row
        if versions:
            raise LibraryError(
                f"the library was indexed by version {versions[0].version} of {space.name}, "
                f"and this vidi has version {space.version}; run `vidi index` on its folders again"
            )
        if known:
            names = ", ".join(sorted({row.name for row in known}))
            raise QueryError(
                f"nothing is indexed in the space {space.name}, expected one of: {names}; "
                f"add it with `vidi index FOLDER --space {space.name}`"
            )
        raise LibraryError(f"the library {self._catalog.library} is empty; fill it with `vidi index FOLDER`")

    def _index(self, space: Space, row: SpaceRow) -> CatalogIndex:
        if row.id not in self._indexes:
            self._indexes[row.id] = open_index(self._catalog, row, save=True, notice=self._notice)
        else:
            self._indexes[row.id].refresh()
            # Not at the first search: a process that asks once is gone before it could have the good of it.
            self._training.offer(space, row, self._indexes[row.id])
        return self._indexes[row.id]
