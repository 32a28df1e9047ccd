"""Removes what a killed process left behind: unfinished files, and track files that no row speaks of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from retrieval.errors import LibraryBusyError
from retrieval.store.catalog import Catalog
from retrieval.store.files import cannot_write
from retrieval.store.schema import Track

__all__ = ["sweep_orphans"]

# Only names that vidi gives: whatever else a person keeps in the folder is theirs.
_BACKUP_PARTS = ".catalog-*.backup.sqlite.*.part*"
_TRACK_PARTS = "tracks/[0-9a-f][0-9a-f]/.*.safetensors.*.part"
_TRACKS = "tracks/[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]*-*-*.safetensors"
_INDEX_PARTS = "vectors/.*.faiss.*.part"


def sweep_orphans(catalog: Catalog) -> int:
    """How many files were removed. The caller holds the write lock, so no track is still being written.

    Raises:
        LibraryError: one can't be removed.
    """
    library = catalog.library
    removed = _remove([*library.glob(_BACKUP_PARTS), *library.glob(_TRACK_PARTS), *_unspoken_tracks(catalog)])
    with suppress(LibraryBusyError), catalog.index_lock():  # a search may be saving the index just now
        removed += _remove(list(library.glob(_INDEX_PARTS)))
    return removed


def _remove(paths: list[Path]) -> int:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error
    return len(paths)


def _unspoken_tracks(catalog: Catalog) -> Iterator[Path]:
    """A track file is written before its row; a kill between the two leaves it without one."""
    found = {str(path.relative_to(catalog.library)): path for path in catalog.library.glob(_TRACKS)}
    if not found:
        return
    with catalog.engine.connect() as connection:
        spoken = set(connection.scalars(select(Track.path).where(Track.path.is_not(None))))
    yield from (path for name, path in found.items() if name not in spoken)
