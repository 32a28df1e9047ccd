"""Counts of what a catalog holds: for status, never for search."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, distinct, exists, func, select

from retrieval.store.catalog import Catalog
from retrieval.store.parts import is_left_to_main
from retrieval.store.schema import Asset, Embedding, Failure, File, Result, Space
from retrieval.store.sidecars import FailedSidecar, failed_sidecars
from retrieval.types import MediaKind

__all__ = ["Census", "FailedFile", "SpaceCount", "take_census"]


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A present file that could not be used, and why; ``permanent`` failures aren't tried again by themselves."""

    path: bytes
    display: str
    """The path in its readable form."""
    stage: str
    reason: str
    permanent: bool


@dataclass(frozen=True, slots=True)
class SpaceCount:
    """How much of the library one version of a space covers."""

    name: str
    version: str
    assets: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Census:
    """What the catalog holds at one moment."""

    assets: dict[MediaKind, int]
    """Distinct contents with a present file, by kind."""
    files_present: int
    files_missing: int
    files_waiting: int
    """Present, not read yet, not failed, and no part of another."""
    files_parts: int
    """Present, and left to the file that they are part of."""
    failures: tuple[FailedFile, ...]
    spaces: tuple[SpaceCount, ...]
    failed_sidecars: tuple[FailedSidecar, ...] = ()


def take_census(catalog: Catalog) -> Census:
    """Count everything in one transaction, so that the numbers agree while an index run goes on."""
    by_kind = (
        select(Asset.kind, func.count(distinct(Asset.id)))
        .join(File, File.asset_id == Asset.id)
        .where(File.present)
        .group_by(Asset.kind)
    )
    by_presence = select(File.present, func.count()).group_by(File.present)
    failed = exists().where(Failure.file_id == File.id)
    failures = (
        select(File.path, File.display, Failure.stage, Failure.reason, Failure.permanent)
        .join(Failure, Failure.file_id == File.id)
        .where(File.present)
        .order_by(File.path)
    )
    with catalog.engine.connect() as connection:
        counted = {row[0]: row[1] for row in connection.execute(by_kind)}
        present = {row[0]: row[1] for row in connection.execute(by_presence)}
        waiting = select(func.count()).where(File.present, File.asset_id.is_(None), ~failed, ~is_left_to_main())
        parts = select(func.count()).select_from(File).where(File.present, is_left_to_main())
        return Census(
            assets={kind: counted.get(kind.value, 0) for kind in MediaKind},
            files_present=present.get(True, 0),
            files_missing=present.get(False, 0),
            files_waiting=connection.execute(waiting).scalar_one(),
            files_parts=connection.execute(parts).scalar_one(),
            failures=tuple(FailedFile(*row) for row in connection.execute(failures)),
            spaces=tuple(SpaceCount(*row) for row in connection.execute(_count_spaces())),
            failed_sidecars=tuple(failed_sidecars(connection)),
        )


def _count_spaces() -> Select[str, str, int, int]:
    assets = select(func.count()).where(Result.space_id == Space.id).scalar_subquery()
    vectors = select(func.count()).where(Embedding.space_id == Space.id).scalar_subquery()
    return select(Space.name, Space.version, assets, vectors).where(assets > 0).order_by(Space.name, Space.id.desc())
