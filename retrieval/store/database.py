"""Opens the catalog's database: pragmas, migrations behind a backup, and the lock that keeps one writer."""

from __future__ import annotations

import math
import os
import re
import secrets
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, inspect, text
from sqlalchemy.pool import QueuePool

from retrieval.errors import CatalogVersionError, LibraryError
from retrieval.paths import display_of
from retrieval.store.files import cannot_write, hold_lock, make_folder, replacing, sync_folder
from retrieval.store.log_check import check_log
from retrieval.store.schema import REVISION

__all__ = ["CATALOG_NAME", "WRITE_LOCK_NAME", "empty_log", "open_database"]

CATALOG_NAME = "catalog.sqlite"
WRITE_LOCK_NAME = "write.lock"
_OUR_NAMES = re.compile(r"\.?catalog[.-].*|tracks|vectors|thumbnails|(write|index|training)\.lock|lost\+found")
"""What may lie in the folder of a library whose catalog was lost, or at the root of an empty disk."""
_BUSY_SECONDS = 30
_LOG_BUSY_MILLISECONDS = 2000
_ADVICE = (
    ("disk is full", "make room on its disk and run the command again: what was finished is kept"),
    ("locked", "another program holds it: wait for it, and run the command again"),
    ("readonly", "choose a library that can be written with --library DIR"),
    ("unable to open", "see who may read and write it and its folder"),
    ("disk I/O", "check its disk and run the command again"),
    ("malformed", "restore a backup, or move it away and index again"),
    ("not a database", "restore a backup, or move it away and index again"),
    ("constraint", "vidi would have written what can't be: please report this line"),
)
"""What SQLite's messages say, and what to do about it."""


def open_database(library: Path, *, create: bool) -> Engine:
    """The engine of ``library``'s catalog, migrated to this version.

    An existing catalog of an older version is backed up beside itself first. A library that can't be written
    is opened read-only.

    Raises:
        LibraryError: there is no library and ``create`` is False, or its catalog is damaged or unreadable.
        CatalogVersionError: a newer vidi wrote it.
    """
    path = library / CATALOG_NAME
    if not _exists(path):
        if not create:
            raise LibraryError(f"there is no library at {library} yet; fill one with `vidi index FOLDER`")
        _create_files(library)
    writable = os.access(library, os.W_OK) and os.access(path, os.W_OK)
    if writable:
        check_log(path, library / WRITE_LOCK_NAME)
    engine = _engine(path, writable=writable)
    try:
        _bring_up_to_date(engine, path)
    except BaseException:
        engine.dispose()
        raise
    return engine


def empty_log(engine: Engine) -> bool:
    """Checkpoint and truncate SQLite's log; whether that was done, which open readers may prevent."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_LOG_BUSY_MILLISECONDS}")
        (busy, *_) = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
    except sqlite3.OperationalError:  # another holds it, or the disk is full: the log stays, and so does all in it
        return False
    finally:
        connection.invalidate()  # its shorter patience is not for others


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise LibraryError(
            f"the library folder {path.parent} can't be opened ({error.strerror}); "
            "see who may read it, or choose another with --library DIR"
        ) from error


def _create_files(library: Path) -> None:
    """The folder, if it is not there, and an empty catalog, both for their owner alone."""
    try:
        make_folder(library, 0o700)
        others = [path.name for path in library.iterdir() if not _OUR_NAMES.fullmatch(path.name)]
    except OSError as error:
        raise LibraryError(
            f"the library folder {library} can't be made ({error.strerror}); choose another with --library DIR"
        ) from error
    if others:
        raise LibraryError(
            f"the folder {library} holds other files, such as {display_of(os.fsencode(min(others)))}; "
            "choose an empty or a new folder with --library DIR"
        )
    path = library / CATALOG_NAME
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        sync_folder(library)
    except OSError as error:
        raise cannot_write(path, error) from error


def _engine(path: Path, *, writable: bool) -> Engine:
    query = "" if writable else _read_only(path)
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
        _teach_trigonometry(connection)
        if writable:
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: what a run has reported as done survives a power failure; batches make it cheap.
            connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "handle_error")
    def _translate(context: ExceptionContext) -> LibraryError | None:
        """The one border where the database's own errors become ours: a full disk, a damaged page, a long lock."""
        error = context.original_exception
        if isinstance(error, sqlite3.OperationalError | sqlite3.IntegrityError) or type(error) is sqlite3.DatabaseError:
            return _translated(path, error)
        return None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _teach_trigonometry(connection: sqlite3.Connection) -> None:
    """Some builds of SQLite lack what PostgreSQL has; distances need it."""
    try:
        connection.execute("SELECT sin(0.0), cos(0.0)")
    except sqlite3.OperationalError:
        for name, function in (("sin", math.sin), ("cos", math.cos)):
            connection.create_function(
                name, 1, lambda value, of=function: None if value is None else of(value), deterministic=True
            )


def _read_only(path: Path) -> str:
    """How to open a catalog that can't be written."""
    if path.with_name(path.name + "-shm").exists():
        return "?mode=ro"
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size:
        raise LibraryError(
            f"the last changes to the catalog {path} are not yet written into it, and its folder can't be written; "
            "run `vidi status` once where it can"
        )
    # A WAL database without its -shm file can't be opened by mode=ro alone; immutable needs no file.
    return "?immutable=1"


def _translated(path: Path, error: Exception) -> LibraryError:
    """The database's own error as ours."""
    return LibraryError(f"the catalog {path} can't be used now ({error}); {_advice(str(error))}")


def _advice(error: str) -> str:
    for sign, advice in _ADVICE:
        if sign in error:
            return advice
    return "run the command again, and report this line if it comes back"


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
    with hold_lock(path.with_name(WRITE_LOCK_NAME)):
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
    with replacing(target) as temporary:
        source, copy = sqlite3.connect(path), sqlite3.connect(temporary)
        try:
            source.backup(copy)
        except sqlite3.Error as error:
            raise _translated(path, error) from error
        finally:
            source.close()
            copy.close()


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
