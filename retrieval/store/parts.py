"""Files that are parts of others: which are left to their main file, and what is shown with it.

The caller of what writes holds the write lock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, insert, select
from sqlalchemy.orm import aliased

from retrieval.store.catalog import Catalog
from retrieval.store.driver_rows import IDS, rows_of_ids
from retrieval.store.results import forget_failures
from retrieval.store.schema import Asset, Failure, File, Part

__all__ = ["KnownPart", "Parts", "is_left_to_main", "is_shown_by_main"]

_IDS_PER_QUERY = 500
_MAIN = aliased(File)
_BESIDE = (
    select(_MAIN.asset_id, File.path)
    .join(Part, Part.file_id == File.id)
    .join(_MAIN, and_(_MAIN.id == Part.main_file_id, _MAIN.present))
    .where(File.present, _MAIN.asset_id.in_(IDS))
    .order_by(File.path)
)


def is_left_to_main() -> ColumnElement[bool]:
    """A file is no work for itself: it is part of one that is present and has not failed."""
    main = aliased(File)
    failed = exists().where(Failure.file_id == main.id)
    return exists().where(Part.file_id == File.id, main.id == Part.main_file_id, main.present, ~failed).correlate(File)


def is_shown_by_main() -> ColumnElement[bool]:
    """A file is no hit for itself, even if it was indexed once: it is part of one that can be found."""
    main = aliased(File)
    return (
        exists()
        .where(Part.file_id == File.id, main.id == Part.main_file_id, main.present, main.asset_id.is_not(None))
        .correlate(File)
    )


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A part as the catalog remembers it."""

    main_file_id: int
    main_path: bytes
    role: str


class Parts:
    """Reads and writes the table."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def known(self, file_ids: Sequence[int]) -> dict[int, KnownPart]:
        """Those of these files that are parts."""
        columns = (Part.file_id, Part.main_file_id, File.path, Part.role)
        statement = select(*columns).join(File, File.id == Part.main_file_id)
        found: dict[int, KnownPart] = {}
        with self._engine.connect() as connection:
            for chunk in _chunks(file_ids):
                rows = connection.execute(statement.where(Part.file_id.in_(chunk)))
                found.update({row[0]: KnownPart(*row[1:]) for row in rows})
        return found

    def paths_beside(self, main_paths: Sequence[bytes]) -> set[bytes]:
        """The present parts of the files at ``main_paths``, whether these are there or gone."""
        main = aliased(File)
        statement = select(File.path).join(Part, Part.file_id == File.id).join(main, main.id == Part.main_file_id)
        found: set[bytes] = set()
        with self._engine.connect() as connection:
            for start in range(0, len(main_paths), _IDS_PER_QUERY):
                chunk = main_paths[start : start + _IDS_PER_QUERY]
                found.update(connection.scalars(statement.where(File.present, main.path.in_(chunk))))
        return found

    def left_to_main(self, file_ids: Sequence[int]) -> set[int]:
        """Those of these files that are no work for themselves."""
        found: set[int] = set()
        with self._engine.connect() as connection:
            for chunk in _chunks(file_ids):
                found.update(connection.scalars(select(File.id).where(File.id.in_(chunk), is_left_to_main())))
        return found

    def forgive(self, file_ids: Sequence[int]) -> None:
        """What these files failed at for themselves is past where they are left to their main file again."""
        left = sorted(self.left_to_main(file_ids))
        with self._engine.begin() as connection:
            forget_failures(connection, left)

    def durations(self, file_ids: Sequence[int]) -> dict[int, float | None]:
        """The seconds of those of these files whose present content was read; None of what has none."""
        statement = select(File.id, Asset.duration_seconds).join(Asset, Asset.id == File.asset_id)
        found: dict[int, float | None] = {}
        with self._engine.connect() as connection:
            for chunk in _chunks(file_ids):
                rows = connection.execute(statement.where(~File.needs_reading, File.id.in_(chunk)))
                found.update({row[0]: row[1] for row in rows})
        return found

    def write(self, parts: Sequence[tuple[int, int, str]]) -> None:
        """These files, by (id, id of the main file, role), are parts; what they failed at for themselves is past."""
        ids = [file_id for file_id, _, _ in parts]
        with self._engine.begin() as connection:
            for chunk in _chunks(ids):
                connection.execute(delete(Part).where(Part.file_id.in_(chunk)))
            forget_failures(connection, ids)
            if parts:
                rows = [{"file_id": part, "main_file_id": main, "role": role} for part, main, role in parts]
                connection.execute(insert(Part), rows)

    def remove(self, file_ids: Sequence[int]) -> None:
        """These files stand for themselves again."""
        with self._engine.begin() as connection:
            for chunk in _chunks(file_ids):
                connection.execute(delete(Part).where(Part.file_id.in_(chunk)))

    def of_assets(self, asset_ids: Sequence[int]) -> dict[int, tuple[bytes, ...]]:
        """The present parts of each asset's present files, in the order of their paths."""
        found: defaultdict[int, list[bytes]] = defaultdict(list)
        with self._engine.connect() as connection:
            for asset_id, path in rows_of_ids(connection, _BESIDE, asset_ids):
                found[asset_id].append(path)
        return {asset_id: tuple(paths) for asset_id, paths in found.items()}


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _IDS_PER_QUERY):
        yield ids[start : start + _IDS_PER_QUERY]
