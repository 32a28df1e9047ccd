"""Forgetting: what a person no longer wants known goes from everywhere that a library keeps it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.gone import is_gone
from indexer.run import absolute
from retrieval.paths import display_of
from retrieval.settings import library_path
from retrieval.store.catalog import Catalog
from retrieval.store.forget import Eraser, ForgetPlan, KnownPath
from retrieval.store.index_file import index_path
from retrieval.store.index_updates import update_index
from retrieval.store.lookup import Lookup
from retrieval.store.sweep import sweep_orphans

__all__ = ["Selection", "forget", "plan_forgetting"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which files to forget: those at or below ``places`` (None: everywhere), or only those that are gone."""

    places: tuple[bytes, ...] | None
    missing: bool

    @classmethod
    def of(cls, paths: Iterable[str | os.PathLike[str]], *, missing: bool) -> Selection:
        """What a person named. Without paths, ``missing`` means all that the catalog has marked as missing.

        Raises:
            LibraryError: the working folder is gone, so that a relative path means nothing.
        """
        return cls(tuple(absolute(paths)) or None, missing)


def plan_forgetting(library: str | os.PathLike[str] | None, selection: Selection) -> ForgetPlan:
    """What forgetting ``selection`` would remove. Nothing is changed.

    Raises:
        LibraryError: there is no library, or the catalog can't be read.
    """
    with Catalog(library_path(library)) as catalog:
        eraser = Eraser(catalog)
        return eraser.plan(_chosen(eraser, selection))


def forget(
    library: str | os.PathLike[str] | None,
    selection: Selection,
    plan: ForgetPlan,
    notice: Callable[[str], None] = lambda line: None,
) -> int:
    """Remove what ``plan`` listed, as far as it still belongs to ``selection``; how many files were forgotten.

    Rows go first, batch by batch; then the files that they spoke of. Killed between, running it again, or the next
    run of the index, removes the rest.

    Raises:
        LibraryBusyError: another process is writing to the library.
        LibraryError: the library can't be written.
    """
    with Catalog(library_path(library)) as catalog, catalog.lock():
        eraser = Eraser(catalog)
        listed = set(plan.file_ids)
        ids = [file.id for file in _chosen(eraser, selection) if file.id in listed]
        forgotten = eraser.forget(ids)
        if selection.places is not None and not selection.missing:
            eraser.forget_places(selection.places)
        sweep_orphans(catalog)  # tracks in files of their own
        if not catalog.checkpoint():
            notice(
                "another vidi is reading the catalog, so that what was forgotten stays in its log (catalog.sqlite-wal) "
                "until that is done"
            )
        if plan.vectors:
            _clear_indexes(catalog, eraser, notice)
        _tell_of_backups(catalog, notice)
    return forgotten


def _chosen(eraser: Eraser, selection: Selection) -> Sequence[KnownPath]:
    if selection.places is None:
        return list(eraser.known(None, missing=True))
    files = eraser.known(selection.places)
    return [file for file in files if not selection.missing or not file.present or is_gone(file.path)]


def _clear_indexes(catalog: Catalog, eraser: Eraser, notice: Callable[[str], None]) -> None:
    """What is forgotten is taken out of every index; one that can't be written goes whole, and so does what else was
    derived from vectors. They are made again when they are wanted."""
    cleared: set[Path] = set()
    for space in Lookup(catalog).spaces():
        said: list[str] = []
        update_index(catalog, space, said.append)
        if not said:
            cleared.add(index_path(catalog.library, space.id, space.name))
        for line in said:
            notice(line)
    eraser.drop_derived(but=cleared)


def _tell_of_backups(catalog: Catalog, notice: Callable[[str], None]) -> None:
    for backup in sorted(catalog.library.glob("catalog-*.backup.sqlite")):
        notice(
            f"the backup {display_of(os.fsencode(backup))}, made before a migration, still holds what was forgotten; "
            "remove it when you no longer need it"
        )
