"""Removes what a killed process left behind: unfinished files, and track files that no row speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from retrieval.store.catalog import Catalog
from retrieval.store.schema import Track

__all__ = ["sweep_orphans"]


def sweep_orphans(catalog: Catalog) -> int:
    """How many files were removed. The caller holds the write lock, so nothing unfinished is still being written."""
    orphans = [*_unfinished(catalog.library), *_unspoken_tracks(catalog)]
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


def _unfinished(library: Path) -> Iterator[Path]:
    for folder in (library, library / "vectors", *(library / "tracks").glob("*")):
        yield from folder.glob("*.part")


def _unspoken_tracks(catalog: Catalog) -> Iterator[Path]:
    """A track file is written before its row; a kill between the two leaves it without one."""
    found = {str(path.relative_to(catalog.library)): path for path in (catalog.library / "tracks").glob("*/[!.]*")}
    if not found:
        return
    with catalog.engine.connect() as connection:
        spoken = set(connection.scalars(select(Track.path).where(Track.path.is_not(None))))
    yield from (path for name, path in found.items() if name not in spoken and path.suffix == ".safetensors")
