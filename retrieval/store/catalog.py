"""The catalog of one library: opened, counted, and the spaces that it holds."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sqlalchemy import Engine, insert, select

from retrieval.store.database import WRITE_LOCK_NAME, empty_log, open_database
from retrieval.store.files import hold_lock
from retrieval.store.schema import Setting, Space

__all__ = ["Catalog", "SpaceRow"]


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as the catalog knows it."""

    id: int
    name: str
    version: str
    dim: int
    normalized: bool


class Catalog:
    """An open library: its folder, and the engine of its database.

    Safe to share between threads: each statement takes a connection of its own from the engine.
    """

    def __init__(self, library: Path, *, create: bool = False) -> None:
        """Open the library.

        Raises:
            LibraryError: there is none and ``create`` is False, or it can't be used.
            CatalogVersionError: a newer vidi wrote it.
        """
        self.library = library
        self.engine: Engine = open_database(library, create=create)

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def lock(self) -> AbstractContextManager[None]:
        """The library's one write lock: whoever changes the catalog or its tracks holds it.

        Raises (when it is entered):
            LibraryBusyError: another process holds it.
            LibraryError: the library can't be written.
        """
        return hold_lock(self.library / WRITE_LOCK_NAME)

    def index_lock(self, *, wait: bool = False) -> AbstractContextManager[None]:
        """The lock of the files in ``vectors/``, which a search saves too; taken after the write lock, if both are.

        Raises (when it is entered):
            LibraryBusyError: another process holds it, and ``wait`` is False.
            LibraryError: the library can't be written.
        """
        return hold_lock(self.library / "index.lock", wait=wait)

    def checkpoint(self) -> bool:
        """Write the log into the database file and empty it; False while another process still reads the old state."""
        return empty_log(self.engine)

    @property
    def catalog_id(self) -> str:
        """The random id that ties derived files to this catalog."""
        with self.engine.connect() as connection:
            return connection.execute(select(Setting.value).where(Setting.key == "catalog_id")).scalar_one()

    def space(self, name: str, version: str, dim: int, *, normalized: bool) -> SpaceRow:
        """The row of a space at one version; made when it is new. Needs the write lock."""
        wanted = select(Space.id).where(Space.name == name, Space.version == version)
        with self.engine.begin() as connection:
            space_id = connection.scalar(wanted)
            if space_id is None:
                values = {"name": name, "version": version, "dim": dim, "normalized": normalized}
                space_id = connection.execute(insert(Space).values(values).returning(Space.id)).scalar_one()
        return SpaceRow(space_id, name, version, dim, normalized)
