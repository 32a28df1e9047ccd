"""Opening a library: made, migrated, refused, locked."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from retrieval.errors import CatalogVersionError, LibraryBusyError, LibraryError
from retrieval.store import database
from retrieval.store.catalog import Catalog
from retrieval.store.database import CATALOG_NAME, open_database
from retrieval.store.schema import REVISION, Base


def test_a_new_library_is_private_and_at_the_newest_revision(tmp_path: Path) -> None:
    library = tmp_path / "new" / "library"
    with Catalog(library, create=True) as catalog:
        assert len(catalog.catalog_id) == 32
        with catalog.engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == REVISION
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
            assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    assert stat.S_IMODE(library.stat().st_mode) == 0o700
    assert stat.S_IMODE((library / CATALOG_NAME).stat().st_mode) == 0o600


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    library = tmp_path / "shared"
    library.mkdir()
    library.chmod(0o755)
    open_database(library, create=True).dispose()
    assert stat.S_IMODE(library.stat().st_mode) == 0o755


def test_a_folder_of_other_files_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "movie.mkv.part").touch()
    with pytest.raises(LibraryError, match=r"holds other files, such as movie.mkv.part; choose an empty or a new"):
        open_database(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["movie.mkv.part"]


def test_a_library_that_lost_its_catalog_is_begun_again(tmp_path: Path) -> None:
    open_database(tmp_path, create=True).dispose()
    (tmp_path / CATALOG_NAME).rename(tmp_path / "catalog.damaged")
    for name in ("tracks", "vectors", "thumbnails"):
        (tmp_path / name).mkdir()
    open_database(tmp_path, create=True).dispose()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_to_us_is_a_plain_line(tmp_path: Path) -> None:
    library = tmp_path / "closed"
    library.mkdir(mode=0)
    with pytest.raises(LibraryError, match=r"can't be opened \(Permission denied\)"):
        open_database(library, create=False)


def test_a_refusal_of_the_system_is_a_plain_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)
    with pytest.raises(LibraryError, match=r"can't be opened \(Permission denied\)"):
        open_database(tmp_path, create=False)


def test_a_read_only_catalog_with_changes_in_its_log_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cut.mkdir()
    with Catalog(whole, create=True) as catalog, catalog.engine.begin() as connection:
        connection.execute(text("INSERT INTO root (path) VALUES (x'01')"))
        connection.commit()
        for name in (CATALOG_NAME, f"{CATALOG_NAME}-wal"):
            shutil.copy(whole / name, cut / name)
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)
    with pytest.raises(LibraryError, match=r"last changes to the catalog .* are not yet written into it"):
        open_database(cut, create=False)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("database disk image is malformed", "restore a backup"),
        ("file is not a database", "restore a backup"),
        ("unable to open database file", "see who may read"),
        ("database or disk is full", "make room"),
        ("database is locked", "wait for it"),
        ("UNIQUE constraint failed: file.path", "report this line"),
        ("no such table: fulltext", "run the command again"),
    ],
)
def test_only_damage_asks_for_a_backup(error: str, advice: str) -> None:
    assert advice in database._advice(error)
    assert ("backup" in advice) == ("backup" in database._advice(error))


def test_a_row_that_can_not_be_is_a_plain_line(tmp_path: Path) -> None:
    with (
        Catalog(tmp_path, create=True) as catalog,
        pytest.raises(LibraryError, match=r"constraint failed.*report this line"),
        catalog.engine.begin() as connection,
    ):
        connection.execute(text("INSERT INTO root (path) VALUES (NULL)"))


def test_a_backup_that_fails_is_a_plain_line_and_nothing_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(tmp_path, create=True).dispose()
    with sqlite3.connect(tmp_path / CATALOG_NAME) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    monkeypatch.setattr(database, "_migrate", lambda _engine: pytest.fail("migrated without a backup"))
    (tmp_path / "other.txt").touch()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryError, match=r"backup.sqlite can't be written .*make room"):
        open_database(tmp_path, create=False)
    assert not list(tmp_path.glob("*backup*"))


def test_migrations_make_exactly_the_tables_of_the_schema(tmp_path: Path) -> None:
    engine = open_database(tmp_path, create=True)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_an_absent_library_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="fill one with `vidi index FOLDER`"):
        open_database(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_catalog_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    open_database(tmp_path, create=True).dispose()
    with sqlite3.connect(tmp_path / CATALOG_NAME) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CatalogVersionError, match="version 9999"):
        open_database(tmp_path, create=False)


def test_an_older_catalog_is_backed_up_whole_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(tmp_path, create=True).dispose()
    with sqlite3.connect(tmp_path / CATALOG_NAME) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    monkeypatch.setattr(database, "_migrate", lambda _engine: None)
    open_database(tmp_path, create=False).dispose()
    (backup,) = tmp_path.glob("catalog-0000-*.backup.sqlite")
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)
        assert connection.execute("SELECT count(*) FROM setting").fetchone() == (2,)
    connection.close()


def test_rows_of_the_first_version_are_kept_through_every_migration(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / CATALOG_NAME) as connection:
        _at_revision(connection, "0001")
        connection.execute("INSERT INTO setting VALUES ('catalog_id', 'mine'), ('deletions', '3')")
        connection.execute("INSERT INTO asset (id, content_hash, kind, has_sound) VALUES (7, x'07', 'picture', 0)")
        connection.execute("INSERT INTO file VALUES (1, x'2f61', '/a', 'picture', 5, 6, '7', 1, 0, 7)")
        connection.execute("INSERT INTO failure VALUES (1, 'decode', 'cut short', 1, 'v1', '2024-01-01 00:00:00')")
        before = _rows(connection)
    connection.close()
    open_database(tmp_path, create=False).dispose()
    with sqlite3.connect(tmp_path / CATALOG_NAME) as connection:
        after = _rows(connection)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISION,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    assert {table: [row[: len(before[table][0])] for row in after[table]] for table in before if before[table]} == {
        table: rows for table, rows in before.items() if rows
    }


def _at_revision(connection: sqlite3.Connection, revision: str) -> None:
    """Lay the tables of ``revision`` into an empty catalog, as the vidi of that time did."""
    config = Config()
    config.set_main_option("script_location", "migrations:.")
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.begin() as begun:
        config.attributes["connection"] = begun
        command.upgrade(config, revision)


def _rows(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version'")
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in tables.fetchall()}


def test_a_file_that_is_no_database_is_a_plain_line(tmp_path: Path) -> None:
    (tmp_path / CATALOG_NAME).write_bytes(b"this is not a database" * 100)
    with pytest.raises(LibraryError, match=r"file is not a database.*restore a backup"):
        open_database(tmp_path, create=False)


def test_a_full_disk_is_a_plain_line_and_costs_only_the_batch(tmp_path: Path) -> None:
    with Catalog(tmp_path, create=True) as catalog:
        with catalog.engine.begin() as connection:
            connection.execute(text("INSERT INTO root (path) VALUES (x'01')"))
        with catalog.engine.connect() as connection:
            pages = connection.scalar(text("PRAGMA page_count"))
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))
            with pytest.raises(LibraryError, match=r"disk is full.*make room"):
                connection.execute(text("INSERT INTO root (path) VALUES (zeroblob(1000000))"))
    with Catalog(tmp_path) as catalog, catalog.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM root")) == 1


def test_a_damaged_page_is_a_plain_line(tmp_path: Path) -> None:
    with Catalog(tmp_path, create=True) as catalog, catalog.engine.begin() as connection:
        connection.execute(text("INSERT INTO root (path) VALUES (zeroblob(3000))"))
    path = tmp_path / CATALOG_NAME
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with (
        pytest.raises(LibraryError, match="restore a backup"),
        Catalog(tmp_path) as catalog,
        catalog.engine.connect() as connection,
    ):
        connection.execute(text("SELECT * FROM root")).all()


def test_a_library_where_a_file_stands_is_a_plain_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(LibraryError, match="can't be made"):
        open_database(tmp_path / "taken" / "library", create=True)


def test_a_second_writer_is_told_so(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path, create=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from retrieval.store.catalog import Catalog\n"
            "with Catalog(pathlib.Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LibraryBusyError, match="another vidi is writing"), catalog.lock():
        pass
    holder.kill()
    holder.communicate()
    with catalog.lock():
        pass  # a killed holder leaves no lock behind
    catalog.close()


def test_migrating_a_new_library_is_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database.secrets, "token_hex", lambda _size: (_ for _ in ()).throw(OSError("power fails")))
    with pytest.raises(OSError, match="power fails"):
        open_database(tmp_path, create=True)
    monkeypatch.undo()
    engine = open_database(tmp_path, create=True)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM setting")) == 2
    engine.dispose()
