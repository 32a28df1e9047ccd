"""A library of a million segments, filled straight through its tables: vectors like a picture tower's, no media.

The vectors imitate those of CLIP's towers over photographs: clusters of very unequal size (a power law), a covariance
whose eigenvalues fall as a power law (its participation ratio is some 60 of 512 dimensions), one strong common
direction (towers put all they see into a cone), length 1, float16. Queries imitate texts: of the same clusters, but
shifted by a constant and noisier, as texts lie apart from pictures.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.database import CATALOG_NAME

__all__ = ["Mixture", "fill_catalog", "make_vectors"]

Matrix = NDArray[np.float32]
_ROWS = 20_000
_FIRST_DAY = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Mixture:
    """Where vectors come from; the same for pictures and queries."""

    dim: int = 512
    clusters: int = 4000
    hard: bool = False
    """No clusters and no spectrum: uniform on the sphere, the worst case of every index."""

    def draw(self, count: int, seed: int, *, texts: bool = False) -> Matrix:
        """``count`` unit vectors ``[count, dim]``."""
        random = np.random.default_rng(seed)
        noise = random.standard_normal((count, self.dim), dtype=np.float32)
        if not self.hard:
            spectrum = (np.arange(1, self.dim + 1) ** -0.5).astype(np.float32)
            shapes = np.random.default_rng(1)
            centres = shapes.standard_normal((self.clusters, self.dim), dtype=np.float32) * spectrum
            sizes = np.arange(1, self.clusters + 1) ** -0.7
            noise *= spectrum**0.5 * (0.56 if texts else 0.35)
            noise += centres[random.choice(self.clusters, count, p=sizes / sizes.sum())] + 1.5 * spectrum
            if texts:
                noise += 0.5 * shapes.standard_normal(self.dim, dtype=np.float32) * spectrum
        return np.asarray(noise / np.linalg.norm(noise, axis=1, keepdims=True), np.float32)


def make_vectors(mixture: Mixture, count: int) -> Iterator[NDArray[np.float16]]:
    """``count`` vectors in float16, as the catalog keeps them, some thousands at a time."""
    for start in range(0, count, _ROWS):
        yield mixture.draw(min(_ROWS, count - start), 1000 + start).astype("<f2")


def fill_catalog(library: Path, mixture: Mixture, count: int, root: str = "/media/pictures") -> SpaceRow:
    """A picture a vector, over 25 years and 1,000 folders (of 0.1 %, in 100 of 1 %, in 10); 1 % are videos of one
    segment. The files were never made; they lie below ``root``."""
    with Catalog(library, create=True) as catalog:
        space = catalog.space("bench", "1", mixture.dim, normalized=True)
    with closing(sqlite3.connect(library / CATALOG_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -500000")
        first = 1
        for vectors in make_vectors(mixture, count):
            _insert(connection, space.id, first, vectors, root)
            first += len(vectors)
    return space


def _insert(connection: sqlite3.Connection, space_id: int, first: int, vectors: NDArray[np.float16], root: str) -> None:
    ids = range(first, first + len(vectors))
    days = np.random.default_rng(first).integers(0, 9125, len(vectors)).tolist()
    folders = np.random.default_rng(first + 1).integers(0, 1000, len(vectors)).tolist()
    times = [_FIRST_DAY + timedelta(days=day) for day in days]
    kinds = ["video" if number % 100 == 0 else "picture" for number in ids]
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO asset (id, content_hash, kind, has_sound, taken_at) VALUES (?, ?, ?, 0, ?)",
        ((n, n.to_bytes(32), kind, f"{time}.000000") for n, kind, time in zip(ids, kinds, times, strict=True)),
    )
    connection.executemany(
        "INSERT INTO file (id, path, display, kind, size_bytes, modified_ns, inode, present, needs_reading, asset_id) "
        "VALUES (?, ?, ?, ?, 100000, 0, ?, 1, 0, ?)",
        (
            (n, path.encode(), path, kind, str(n), n)
            for n, kind, folder in zip(ids, kinds, folders, strict=True)
            for path in [f"{root}/{folder // 100}/{folder // 10:02}/{folder:03}/IMG_{n:07}.jpg"]
        ),
    )
    connection.executemany(
        "INSERT INTO segmentation (id, asset_id, method, version) VALUES (?, ?, 'frames', '1')", ((n, n) for n in ids)
    )
    connection.executemany(
        "INSERT INTO segment (id, segmentation_id, position) VALUES (?, ?, 0)", ((n, n) for n in ids)
    )
    connection.executemany(
        "INSERT INTO embedding (vector_id, space_id, segment_id, vector) VALUES (?, ?, ?, ?)",
        ((n, space_id, n, vector.tobytes()) for n, vector in zip(ids, vectors, strict=True)),
    )
    connection.executemany(
        "INSERT INTO result (asset_id, space_id, finished_at) VALUES (?, ?, '2024-01-01 00:00:00.000000')",
        ((n, space_id) for n in ids),
    )
    connection.execute("COMMIT")
