"""Whether SQLite's log, where one was left behind, belongs to the catalog beside it.

SQLite takes any whole log for the catalog's own and writes its pages over those of the catalog. One that stayed when
a backup was put in the catalog's place would make a mixture of two states. So before anything is written, what the two
make together is checked, once for each log; a log that a kill left passes.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from retrieval.errors import LibraryBusyError, LibraryError
from retrieval.store.files import hold_lock

__all__ = ["check_log"]

_CHECKED = "catalog.checked-log"
_HEADER_BYTES = 32


def check_log(catalog: Path, write_lock: Path) -> None:
    """Nothing is changed, but for a note of which log was checked.

    Raises:
        LibraryError: what the catalog and its log make together is no catalog.
    """
    log = catalog.with_name(catalog.name + "-wal")
    state = _state(catalog, log)
    if state is None or state == _noted(catalog):
        return
    try:
        with hold_lock(write_lock):
            is_whole = _is_whole(catalog)
    except LibraryBusyError:  # it is the log of a writer that lives
        return
    if not is_whole:
        raise LibraryError(
            f"the catalog {catalog} and its log {log.name} don't fit each other: if the catalog was restored from a "
            f"backup, remove {log.name} and {catalog.name}-shm, which belong to the one that it replaced; else restore "
            "a backup in this way"
        )
    with suppress(OSError):  # else it is checked again
        catalog.with_name(_CHECKED).write_text(state)


def _state(catalog: Path, log: Path) -> str | None:
    """Another whenever the log began anew, or the catalog's file was written; None where there is no log."""
    try:
        with log.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        facts = os.stat(catalog)
    except OSError:
        return None
    return f"{header.hex()} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns}" if header else None


def _noted(catalog: Path) -> str | None:
    try:
        return catalog.with_name(_CHECKED).read_text()
    except (OSError, ValueError):
        return None


def _is_whole(catalog: Path) -> bool:
    """Read-only, so that closing writes no page of the log into the catalog."""
    try:
        with closing(sqlite3.connect(f"{catalog.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            return bool(found == "ok") and connection.execute("PRAGMA foreign_key_check").fetchone() is None
    except sqlite3.OperationalError:  # it can't be read now, of which whoever opens it tells
        return True
    except sqlite3.DatabaseError:
        return False
