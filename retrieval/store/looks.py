"""What a look at the roots met besides files that can be read, so that nothing of it is passed over in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, case, delete, exists, func, insert, or_, select

from retrieval.paths import display_of
from retrieval.store.catalog import Catalog
from retrieval.store.conditions import at_or_below
from retrieval.store.parts import is_left_to_main
from retrieval.store.results import LOOK_STAGE, FailureRecord, forget_failures, write_failures
from retrieval.store.schema import Failure, File, Look, Root, Trouble

__all__ = ["Beside", "FileState", "Looks", "TroubledPlace", "file_state"]

_IDS_PER_QUERY = 500
_DISPLAY_MOST = 8192
_REASON_MOST = 1024
_SUFFIXES_MOST = 100
_REST = "*"
"""Stands for all suffixes beyond the most frequent ones."""


class FileState(StrEnum):
    """What has come of a file; each file is in exactly one."""

    MISSING = "missing"
    """It is gone from where it was."""
    FAILED = "failed"
    """It is there, and could not be used; it has a reason."""
    PART = "part"
    """It is there, and belongs to another file."""
    WAITING = "waiting"
    """It is there, and is to be read."""
    INDEXED = "indexed"
    """It is there, and its content is in the catalog."""


def file_state() -> ColumnElement[str]:
    """The :class:`FileState` of a row of ``file``."""
    return case(
        (~File.present, FileState.MISSING.value),
        (exists().where(Failure.file_id == File.id), FileState.FAILED.value),
        (is_left_to_main(), FileState.PART.value),
        (or_(File.needs_reading, File.asset_id.is_(None)), FileState.WAITING.value),
        else_=FileState.INDEXED.value,
    )


@dataclass(frozen=True, slots=True)
class TroubledPlace:
    """A place that can't be looked into or judged now, and why."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies beside media files: how many files of each suffix, and how many hidden names."""

    others: Mapping[str, int]
    hidden: int


class Looks:
    """What the indexer keeps of a look. The caller holds the write lock; every method is one transaction."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def block(self, reasons: Mapping[int, str]) -> None:
        """These files, by id, have a media name and can't be read as they are: they fail without being opened."""
        failures = [FailureRecord(key, LOOK_STAGE, reason, False, "") for key, reason in reasons.items()]
        with self._engine.begin() as connection:
            for start in range(0, len(failures), _IDS_PER_QUERY):
                write_failures(connection, failures[start : start + _IDS_PER_QUERY])

    def unblock(self, file_ids: Sequence[int]) -> None:
        """These files look well: those among them that were blocked are so no longer."""
        blocked = select(Failure.file_id).where(Failure.file_id.in_(file_ids), Failure.stage == LOOK_STAGE)
        with self._engine.begin() as connection:
            if found := list(connection.scalars(blocked)):
                forget_failures(connection, found)

    def replace_troubles(self, places: Sequence[bytes], troubles: Iterable[TroubledPlace]) -> None:
        """All that is wrong at or below ``places`` now; what was wrong there before is forgotten."""
        with self._engine.begin() as connection:
            for place in places:
                connection.execute(delete(Trouble).where(at_or_below(Trouble.path, place)))
            for trouble in troubles:
                _write_trouble(connection, trouble)

    def add_trouble(self, trouble: TroubledPlace) -> None:
        """One more; the newest word about a place takes the place of the last."""
        with self._engine.begin() as connection:
            _write_trouble(connection, trouble)

    def keep(self, beside: Mapping[bytes, Beside]) -> None:
        """What lies beside media under each root now."""
        with self._engine.begin() as connection:
            for root, found in beside.items():
                root_id = connection.scalar(select(Root.id).where(Root.path == root))
                if root_id is None:
                    continue
                values = {"others": _bounded(found.others), "hidden": found.hidden, "looked_at": _now()}
                connection.execute(delete(Look).where(Look.root_id == root_id))
                connection.execute(insert(Look).values(root_id=root_id, **values))

    def states(self, file_ids: Iterable[int]) -> Counter[FileState]:
        """How many of ``file_ids`` are in each state."""
        listed, counts = sorted(file_ids), Counter[FileState]()
        state = file_state()
        with self._engine.connect() as connection:
            for start in range(0, len(listed), _IDS_PER_QUERY):
                chunk = listed[start : start + _IDS_PER_QUERY]
                rows = connection.execute(select(state, func.count()).where(File.id.in_(chunk)).group_by(state))
                counts.update({FileState(name): count for name, count in rows})
        return counts


def _write_trouble(connection: Connection, trouble: TroubledPlace) -> None:
    connection.execute(delete(Trouble).where(Trouble.path == trouble.path))
    connection.execute(
        insert(Trouble).values(
            path=trouble.path,
            display=display_of(trouble.path)[:_DISPLAY_MOST],
            reason=trouble.reason[:_REASON_MOST],
            found_at=_now(),
        )
    )


def _bounded(others: Mapping[str, int]) -> dict[str, int]:
    """The most frequent suffixes; all the rest under one, so that a folder of numbered suffixes fills no row."""
    counted = Counter(others)
    kept = dict(counted.most_common(_SUFFIXES_MOST))
    rest = counted.total() - sum(kept.values())
    return kept | ({_REST: kept.get(_REST, 0) + rest} if rest else {})


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
