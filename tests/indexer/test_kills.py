"""Killed at random moments of forgetting, rebuilding and migrating: nothing is lost, nothing wrong is answered."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, text

from indexer import index
from indexer.forget import Selection, forget, plan_forgetting
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.database import CATALOG_NAME
from retrieval.store.faiss_index import open_index
from retrieval.store.schema import REVISION, Asset, Embedding, File, Segment, Segmentation
from retrieval.store.sweep import sweep_orphans

ROOT = Path(__file__).parents[2]
KILLS = 60
FORGET = """
from retrieval.store import forget as store
from indexer.forget import Selection, forget, plan_forgetting
import faiss
store._FILES_PER_BATCH = 10
selection = Selection.of([sys.argv[2]], missing=False)
def act(): forget(sys.argv[1], selection, plan_forgetting(sys.argv[1], selection))
"""
REBUILD = """
from retrieval.library import Library
from types import SimpleNamespace
import faiss
def act():
    with Library(sys.argv[1], spaces=lambda name: SimpleNamespace(version="v1")) as library: library.rebuild()
"""
MIGRATE = """
from pathlib import Path
from alembic import command
from alembic.config import Config
from retrieval.store.catalog import Catalog
def act(): Catalog(Path(sys.argv[1])).close()
"""


def _start(script: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that has imported all it needs, and is about to act."""
    code = f"import sys\n{script}\nprint('ready', flush=True); act(); print('done', flush=True)"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _killed(script: str, make: Callable[[], Path], *arguments: object) -> Iterator[Path]:
    """Fresh libraries, each after ``script`` was killed in it at another moment of its work."""
    began = time.monotonic()
    process = _start(script, make(), *arguments)
    began = time.monotonic()
    assert process.communicate(timeout=60)[0] == "done\n"
    span = time.monotonic() - began
    moments = random.Random(7)
    for _ in range(KILLS):
        library = make()
        process = _start(script, library, *arguments)
        time.sleep(moments.uniform(0, span))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        yield library


def _vectors(library: Path) -> dict[bytes, bytes]:
    """By content."""
    columns = select(Asset.content_hash, Embedding.vector).select_from(Embedding)
    columns = columns.join(Segment, Segment.id == Embedding.segment_id)
    columns = columns.join(Segmentation, Segmentation.id == Segment.segmentation_id)
    columns = columns.join(Asset, Asset.id == Segmentation.asset_id)
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        return {row[0]: row[1] for row in connection.execute(columns)}


def _assert_index_is_true(library: Path) -> None:
    """Held against brute force."""
    with Catalog(library) as catalog:
        with catalog.engine.connect() as connection:
            row = SpaceRow(*connection.execute(text("SELECT id, name, version, dim, normalized FROM space")).one())
            rows = connection.execute(select(Embedding.vector_id, Embedding.vector)).all()
        if not rows:
            return
        ids = np.array([row.vector_id for row in rows])
        vectors = np.stack([np.frombuffer(row.vector, "<f2") for row in rows]).astype(np.float32)
        query = np.random.default_rng(0).normal(size=(1, row.dim)).astype(np.float32)
        scores, found = open_index(catalog, row).search(query, len(ids))
    assert set(found[0].tolist()) == set(ids.tolist())
    order = np.argsort(ids)
    expected = (vectors @ query[0])[order][np.searchsorted(ids[order], found[0])]
    np.testing.assert_allclose(scores[0], expected, atol=1e-4)


@pytest.fixture
def full(
    plain_work: Any, tmp_path: Path, library: Path, empty_library: Path, write_file: Callable[..., None]
) -> Callable[[], Path]:
    """Makes copies of a library of 300 files, 100 of them under ``out``."""
    shutil.copytree(empty_library, library)
    for number in range(300):
        write_file(tmp_path / "tree" / ("kept", "more", "out")[number % 3] / f"{number}.jpg", f"{number}".encode())
    index([tmp_path / "tree"], library)
    target = tmp_path / "copy"

    def make() -> Path:
        shutil.rmtree(target, ignore_errors=True)
        return Path(shutil.copytree(library, target))

    return make


@pytest.mark.long
def test_forgetting(full: Callable[[], Path], tmp_path: Path, library: Path) -> None:
    before, out = _vectors(library), tmp_path / "tree" / "out"
    ends = set()
    for killed in _killed(FORGET, full, out):
        left = _vectors(killed)
        assert left.items() <= before.items()
        assert len(left) >= 200
        assert (300 - len(left)) % 10 == 0  # whole batches
        _assert_index_is_true(killed)
        ends.add(len(left))
        selection = Selection.of([out], missing=False)
        forget(killed, selection, plan_forgetting(killed, selection))
        assert len(_vectors(killed)) == 200
        _assert_index_is_true(killed)
        with Catalog(killed) as catalog, catalog.engine.connect() as connection:
            assert len(connection.execute(select(File.id)).all()) == 200
    assert len(ends) > 1, "no kill met the forgetting itself"


@pytest.mark.long
def test_rebuilding_and_the_renaming_of_the_index(full: Callable[[], Path], library: Path) -> None:
    before = _vectors(library)
    for killed in _killed(REBUILD, full):
        assert _vectors(killed) == before
        _assert_index_is_true(killed)
        with Catalog(killed) as catalog, catalog.lock():
            sweep_orphans(catalog)
        assert not list(killed.rglob("*.part"))


@pytest.mark.long
def test_migrating(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    old = tmp_path / "old"
    old.mkdir()
    with sqlite3.connect(old / CATALOG_NAME) as connection:
        config = Config()
        config.set_main_option("script_location", "migrations:.")
        with create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool).begin() as begun:
            config.attributes["connection"] = begun
            command.upgrade(config, "0001")
        connection.execute("INSERT INTO setting VALUES ('catalog_id', 'mine'), ('deletions', '3')")
        rows = [(number, bytes([number]) * 32) for number in range(200)]
        connection.executemany(
            "INSERT INTO asset (id, content_hash, kind, has_sound) VALUES (?, ?, 'picture', 0)", rows
        )
    connection.close()
    target = tmp_path / "copy"

    def make() -> Path:
        shutil.rmtree(target, ignore_errors=True)
        return Path(shutil.copytree(old, target))

    for killed in _killed(MIGRATE, make):
        with Catalog(killed) as catalog, catalog.engine.connect() as connection:
            assert connection.execute(select(Asset.id, Asset.content_hash)).all() == rows
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == REVISION
            assert catalog.catalog_id == "mine"
        with Catalog(killed) as catalog, catalog.lock():
            sweep_orphans(catalog)
        assert not list(killed.glob(".*.part*"))
