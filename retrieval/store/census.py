"""Counts of what a catalog holds: for status, never for search."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Select, distinct, exists, func, select

from retrieval.store.catalog import Catalog
from retrieval.store.expert_failures import FailedExpert, failed_experts
from retrieval.store.looks import FileState, file_state
from retrieval.store.results import window_spaces
from retrieval.store.schema import Asset, Embedding, Failure, File, Look, Result, Root, Space, Trouble
from retrieval.store.sidecars import FailedSidecar, failed_sidecars
from retrieval.store.space_names import space_name
from retrieval.types import MediaKind

__all__ = ["Census", "FailedFile", "SpaceCount", "TroubledPlace", "failures_since", "indexed_roots", "take_census"]


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A present file that could not be used, and why; ``permanent`` failures aren't tried again by themselves."""

    path: bytes
    display: str
    """The path in its readable form."""
    stage: str
    reason: str
    permanent: bool
    file_id: int
    failed_at: datetime
    """In UTC, without a zone, to the second."""


@dataclass(frozen=True, slots=True)
class TroubledPlace:
    """A place under the roots that could not be looked into or judged at the last look, and why."""

    path: bytes
    display: str
    reason: str


@dataclass(frozen=True, slots=True)
class SpaceCount:
    """How much of the library one version of a space covers."""

    name: str
    version: str
    assets: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Census:
    """What the catalog holds at one moment. ``files_present`` is the sum of indexed, failed, waiting and parts."""

    assets: dict[MediaKind, int]
    """Distinct contents with a present file, by kind."""
    sounds_unheard: int
    """Sounds among them that no space of windows holds: words that were said in them are all that finds them."""
    files_present: int
    files_missing: int
    files_indexed: int
    """Present, and their content is in the catalog."""
    files_waiting: int
    """Present, to be read, and not failed."""
    files_parts: int
    """Present, and belonging to another file."""
    files_failed: int
    """Present, and could not be used."""
    failures: tuple[FailedFile, ...]
    """Of these all, or the first by their paths."""
    spaces: tuple[SpaceCount, ...]
    troubles: tuple[TroubledPlace, ...]
    others: dict[str, int]
    """Files that are no media by their name, by suffix, at the last look at each root."""
    hidden: int
    """Names that begin with a dot, passed over at the last look at each root."""
    failed_sidecars: tuple[FailedSidecar, ...]
    failed_experts: tuple[FailedExpert, ...]
    """Of indexed files: one that an expert failed at is found by all that the others say."""


_FAILED = select(
    File.path, File.display, Failure.stage, Failure.reason, Failure.permanent, File.id, Failure.failed_at
).join(Failure, Failure.file_id == File.id)


def take_census(catalog: Catalog, most: int | None = None) -> Census:
    """Count everything in one transaction, so that the numbers agree while an index run goes on.

    At most so many as ``most`` of each list of what failed are read; None for all.
    """
    by_kind = (
        select(Asset.kind, func.count(distinct(Asset.id)))
        .join(File, File.asset_id == Asset.id)
        .where(File.present)
        .group_by(Asset.kind)
    )
    heard = exists().where(Result.asset_id == Asset.id, Result.space_id.in_(window_spaces()))
    unheard = (
        select(func.count(distinct(Asset.id)))
        .join(File, File.asset_id == Asset.id)
        .where(File.present, Asset.kind == MediaKind.SOUND.value, ~heard)
    )
    failures = _FAILED.where(File.present).order_by(File.path).limit(most)
    troubles = select(Trouble.path, Trouble.display, Trouble.reason).order_by(Trouble.path).limit(most)
    state = file_state()
    with catalog.engine.connect() as connection:
        counted = {row[0]: row[1] for row in connection.execute(by_kind)}
        states = Counter(dict(connection.execute(select(state, func.count()).select_from(File).group_by(state)).all()))
        others, hidden = _beside(connection)
        return Census(
            assets={kind: counted.get(kind.value, 0) for kind in MediaKind},
            sounds_unheard=connection.scalar(unheard) or 0,
            files_present=states.total() - states[FileState.MISSING],
            files_missing=states[FileState.MISSING],
            files_indexed=states[FileState.INDEXED],
            files_waiting=states[FileState.WAITING],
            files_parts=states[FileState.PART],
            files_failed=states[FileState.FAILED],
            failures=tuple(FailedFile(*row) for row in connection.execute(failures)),
            spaces=tuple(SpaceCount(*row) for row in connection.execute(_count_spaces())),
            troubles=tuple(TroubledPlace(*row) for row in connection.execute(troubles)),
            others=dict(others.most_common()),
            hidden=hidden,
            failed_sidecars=tuple(failed_sidecars(connection, most)),
            failed_experts=tuple(failed_experts(connection, most)),
        )


def failures_since(catalog: Catalog, moment: datetime, most: int) -> list[FailedFile]:
    """Present files that failed at ``moment`` (of any zone), to the second, or later: the first ``most`` to fail."""
    at = moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    since = _FAILED.where(File.present, Failure.failed_at >= at)
    statement = since.order_by(Failure.failed_at, File.id).limit(most)
    with catalog.engine.connect() as connection:
        return [FailedFile(*row) for row in connection.execute(statement)]


def indexed_roots(catalog: Catalog) -> list[bytes]:
    """The paths that somebody asked to be indexed."""
    with catalog.engine.connect() as connection:
        return list(connection.scalars(select(Root.path).order_by(Root.path)))


def _beside(connection: Connection) -> tuple[Counter[str], int]:
    """Other files by suffix, and hidden names; what lies in a root inside another counts for the outer one alone."""
    looks = connection.execute(select(Root.path, Look.others, Look.hidden).join(Look)).all()
    others, hidden = Counter[str](), 0
    folders = [path.rstrip(b"/") + b"/" for path, _, _ in looks]
    for path, found, passed_over in looks:
        if any(path.startswith(folder) for folder in folders):
            continue
        others.update(found)
        hidden += passed_over
    return others, hidden


def _count_spaces() -> Select[str, str, int, int]:
    assets = select(func.count()).where(Result.space_id == Space.id).scalar_subquery()
    vectors = select(func.count()).where(Embedding.space_id == Space.id).scalar_subquery()
    return (
        select(space_name(), Space.version, assets, vectors).where(assets > 0).order_by(space_name(), Space.id.desc())
    )
