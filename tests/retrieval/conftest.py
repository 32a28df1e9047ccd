"""A small library to read from, filled straight through the schema: no decoder, no model."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike
from sqlalchemy import insert, text

from retrieval.paths import display_of
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.schema import Asset, Embedding, Failure, File, Result, Segment, Segmentation, Track


class LibraryBuilder:
    """Fills a library row by row."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog(folder)

    def space(self, name: str = "starter", version: str = "1", dim: int = 4) -> SpaceRow:
        return self.catalog.space(name, version, dim, normalized=True)

    def asset(
        self,
        path: str | bytes,
        *,
        kind: str = "picture",
        copies: Sequence[str | bytes] = (),
        taken_at: datetime | None = None,
        modified: datetime = datetime(2020, 1, 1),
        present: bool = True,
    ) -> int:
        """An asset with a file at ``path`` and at each of ``copies``; its id."""
        content = hashlib.sha256(os.fsencode(path)).digest()
        asset = self._insert(Asset, content_hash=content, kind=kind, has_sound=False, taken_at=taken_at)
        for name in (path, *copies):
            self.file(name, asset, kind=kind, modified=modified, present=present)
        return asset

    def file(
        self,
        path: str | bytes,
        asset: int | None,
        *,
        kind: str = "picture",
        modified: datetime = datetime(2020, 1, 1),
        present: bool = True,
    ) -> int:
        raw = os.fsencode(path)
        return self._insert(
            File,
            path=raw,
            display=display_of(raw),
            kind=kind,
            size_bytes=1,
            modified_ns=int(modified.timestamp() * 1e9),
            inode="1",
            present=present,
            needs_reading=asset is None,
            asset_id=asset,
        )

    def embed(
        self, asset: int, space: SpaceRow, vectors: ArrayLike, spans: Sequence[tuple[float, float]] = ()
    ) -> list[int]:
        """Segments of ``asset`` with ``vectors`` ``[n, dim]``, and their vector ids; no spans for a picture."""
        rows = np.asarray(vectors, dtype="<f2")
        segmentation = self._insert(Segmentation, asset_id=asset, method=space.name, version=space.version)
        ids = []
        for position, vector in enumerate(rows):
            start, end = spans[position] if spans else (None, None)
            segment = self._insert(
                Segment,
                segmentation_id=segmentation,
                position=position,
                start_seconds=start,
                end_seconds=end,
                time_seconds=start,
            )
            ids.append(self._insert(Embedding, space_id=space.id, segment_id=segment, vector=vector.tobytes()))
        self._insert(Result, asset_id=asset, space_id=space.id, finished_at=datetime(2024, 1, 1))
        return ids

    def track(self, asset: int, expert: str, times: ArrayLike, features: ArrayLike, version: str = "1") -> None:
        packed = np.asarray(features, "<f2")
        self._insert(
            Track,
            asset_id=asset,
            expert=expert,
            version=version,
            count=packed.shape[0],
            dim=packed.shape[1],
            times=np.asarray(times, "<f4").tobytes(),
            features=packed.tobytes(),
        )

    def fail(self, file: int, reason: str) -> None:
        values = {"stage": "decode", "reason": reason, "permanent": True, "tried_with": "test"}
        self._insert(Failure, file_id=file, failed_at=datetime(2024, 1, 1), **values)

    def execute(self, statement: str, **values: object) -> None:
        with self.catalog.engine.begin() as connection:
            connection.execute(text(statement), values)

    def _insert(self, table: Any, **values: object) -> int:
        with self.catalog.engine.begin() as connection:
            return connection.execute(insert(table).values(values)).inserted_primary_key[0]


@pytest.fixture(scope="session")
def _empty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once: that takes most of a second."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    Catalog(folder, create=True).close()
    return folder


@pytest.fixture
def make_library(_empty_library: Path, tmp_path: Path) -> Iterator[Callable[..., LibraryBuilder]]:
    """Makes an empty library, with a name when a test wants several."""
    made: list[LibraryBuilder] = []

    def make(name: str = "library") -> LibraryBuilder:
        folder = tmp_path / name
        shutil.copytree(_empty_library, folder)
        made.append(LibraryBuilder(folder))
        return made[-1]

    yield make
    for builder in made:
        builder.catalog.close()


@pytest.fixture
def library(make_library: Callable[..., LibraryBuilder]) -> LibraryBuilder:
    return make_library()


@pytest.fixture
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network in which no server can be reached."""

    def nowhere(address: object, timeout: float) -> object:
        raise OSError("no route\nto host")

    monkeypatch.setattr(socket, "create_connection", nowhere)
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
