"""The catalog of one library: opened, counted, and the spaces that it holds."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from sqlalchemy import Engine, delete, insert, select

from retrieval.store.database import WRITE_LOCK_NAME, empty_log, open_database
from retrieval.store.files import hold_lock
from retrieval.store.schema import Setting, Space
from retrieval.store.space_names import space_name

__all__ = ["Catalog", "SpaceRow"]

DEFAULT_SPACE_KEY = "default_space"
_WHISPER_KEY = "whisper_model"


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
        self._watcher: Any = None  # the driver's own connection, outside of any transaction
        self._watching = Lock()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        with self._watching:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
        self.engine.dispose()

    def version(self) -> int | None:
        """A number that is another one whenever anything was committed since it was last asked for, by whomever.

        What was read after asking is at least as new as the number. It costs some microseconds. None: nobody knows.
        """
        with self._watching:
            try:
                if self._watcher is None:
                    self._watcher = self.engine.raw_connection()
                    self._watcher.detach()  # it stays open between transactions, and the pool need not know it
                return int(self._watcher.cursor().execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error:  # what keeps it from being read will be said by what is read next
                return None

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

    def training_lock(self) -> AbstractContextManager[None]:
        """The lock of whoever trains a vector index, which takes minutes; nothing else waits for it.

        Raises (when it is entered):
            LibraryBusyError: another process holds it.
            LibraryError: the library can't be written.
        """
        return hold_lock(self.library / "training.lock")

    @property
    def catalog_id(self) -> str:
        """The random id that ties derived files to this catalog."""
        with self.engine.connect() as connection:
            return connection.execute(select(Setting.value).where(Setting.key == "catalog_id")).scalar_one()

    @property
    def default_space(self) -> str | None:
        """The name of the space that a search takes which names none; None where nobody chose one."""
        return self._setting(DEFAULT_SPACE_KEY)

    def choose_default_space(self, name: str) -> None:
        """Set :attr:`default_space`. Needs the write lock."""
        self._set(DEFAULT_SPACE_KEY, name)

    @property
    def whisper_model(self) -> str | None:
        """The folder or name of the Whisper model that transcribes; None: the packaged one."""
        return self._setting(_WHISPER_KEY)

    def choose_whisper_model(self, name: str | None) -> None:
        """Set :attr:`whisper_model`. Needs the write lock."""
        self._set(_WHISPER_KEY, name)

    def _setting(self, key: str) -> str | None:
        with self.engine.connect() as connection:
            return connection.scalar(select(Setting.value).where(Setting.key == key))

    def _set(self, key: str, value: str | None) -> None:
        with self.engine.begin() as connection:
            connection.execute(delete(Setting).where(Setting.key == key))
            if value is not None:
                connection.execute(insert(Setting).values(key=key, value=value))

    def space(self, name: str, version: str, dim: int, *, normalized: bool) -> SpaceRow:
        """The row of a space at one version; made when it is new. Needs the write lock."""
        wanted = select(Space.id).where(space_name() == name, Space.version == version)
        with self.engine.begin() as connection:
            space_id = connection.scalar(wanted)
            if space_id is None:
                values = {"name": name, "version": version, "dim": dim, "normalized": normalized}
                space_id = connection.execute(insert(Space).values(values).returning(Space.id)).scalar_one()
        return SpaceRow(space_id, name, version, dim, normalized)
