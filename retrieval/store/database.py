"""Opens the catalog's database: pragmas, migrations behind a backup, and the lock that keeps one writer."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from retrieval.errors import CatalogVersionError, LibraryBusyError, LibraryError
from retrieval.store.schema import REVISION

__all__ = ["CATALOG_NAME", "lock_for_writing", "open_database"]

CATALOG_NAME = "catalog.sqlite"
_BUSY_SECONDS = 30


def open_database(library: Path, *, create: bool) -> Engine:
    """The engine of ``library``'s catalog, migrated to this version.

    An existing catalog of an older version is backed up beside itself first. A library that can't be written
    is opened read-only.

    Raises:
        LibraryError: there is no library and ``create`` is False, or its catalog is damaged or unreadable.
        CatalogVersionError: a newer vidi wrote it.
    """
    path = library / CATALOG_NAME
    if not path.exists():
        if not create:
            raise LibraryError(f"there is no library at {library} yet; fill one with `vidi index FOLDER`")
        _create_folder(library)
    engine = _engine(path, writable=os.access(library, os.W_OK) and (not path.exists() or os.access(path, os.W_OK)))
    try:
        _bring_up_to_date(engine, path)
    except DatabaseError as error:
        engine.dispose()
        raise LibraryError(
            f"the catalog {path} can't be read ({error.orig}); restore a backup, or move it away and index again"
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _create_folder(library: Path) -> None:
    try:
        library.mkdir(parents=True, exist_ok=True, mode=0o700)
        library.chmod(0o700)
    except OSError as error:
        raise LibraryError(
            f"the library folder {library} can't be made ({error.strerror}); choose another with --library DIR"
        ) from error
    if not os.access(library, os.W_OK):
        raise LibraryError(f"the library folder {library} can't be written; choose another with --library DIR")


def _engine(path: Path, *, writable: bool) -> Engine:
    # A read-only WAL database without its -shm file can't be opened by mode=ro alone; immutable needs no file.
    query = "" if writable else "?mode=ro" if path.with_name(path.name + "-shm").exists() else "?immutable=1"
    uri = f"{path.resolve().as_uri()}{query}"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)

    # A URL without a path would get a pool for databases in memory, which closes connections under other threads.
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool)

    @event.listens_for(engine, "connect")
    def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
        # Python's own transaction handling leaves DDL outside of transactions; `_begin` takes its place.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -65536")
        if writable:
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: what a run has reported as done survives a power failure; batches make it cheap.
            connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "handle_error")
    def _translate(context: ExceptionContext) -> LibraryError | None:
        """The one border where the database's own errors become ours: a full disk, a damaged page, a long lock."""
        error = context.original_exception
        if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
            return LibraryError(f"the catalog {path} can't be used now ({error}); {_advice(str(error))}")
        return None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _advice(error: str) -> str:
    if "full" in error:
        return "make room on its disk and run the command again: what was finished is kept"
    if "locked" in error:
        return "another program holds it: wait for it, and run the command again"
    if "readonly" in error:
        return "choose a library that can be written with --library DIR"
    return "restore a backup, or move it away and index again"


def _bring_up_to_date(engine: Engine, path: Path) -> None:
    revision = _revision(engine)
    if revision == REVISION:
        return
    if revision is not None and revision > REVISION:
        raise CatalogVersionError(
            f"the catalog {path} is of version {revision}, this vidi knows up to {REVISION}; install the newer vidi"
        )
    if not os.access(path.parent, os.W_OK):
        raise LibraryError(f"the catalog {path} is of an older version and its folder can't be written to migrate it")
    with lock_for_writing(path.parent):
        revision = _revision(engine)
        if revision == REVISION:
            return
        if revision is not None:
            _back_up(path, revision)
        _migrate(engine)


def _revision(engine: Engine) -> str | None:
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def _back_up(path: Path, revision: str) -> None:
    """A complete copy by SQLite's own backup, under a final name only when it is whole."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.stem}-{revision}-{stamp}.backup.sqlite")
    temporary = target.with_suffix(".part")
    source, copy = sqlite3.connect(path), sqlite3.connect(temporary)
    try:
        source.backup(copy)
    finally:
        source.close()
        copy.close()
    temporary.replace(target)


def _migrate(engine: Engine) -> None:
    # Alembic costs a second to import, and most openings find nothing to migrate.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "migrations:.")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        known = connection.scalar(text("SELECT count(*) FROM setting WHERE key = 'catalog_id'"))
        if not known:
            connection.execute(
                text("INSERT INTO setting (key, value) VALUES ('catalog_id', :id), ('deletions', '0')"),
                {"id": secrets.token_hex(16)},
            )


@contextmanager
def lock_for_writing(library: Path) -> Iterator[None]:
    """Hold the library's one write lock; the system lets go of it however this process ends.

    Raises:
        LibraryBusyError: another process holds it.
        LibraryError: the library can't be written.
    """
    path = library / "write.lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise LibraryError(
            f"the library {library} can't be written ({error.strerror}); choose another with --library DIR"
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LibraryBusyError(
                f"another vidi is writing to the library {library}; wait until it is done, or choose another library"
            ) from error
        yield
