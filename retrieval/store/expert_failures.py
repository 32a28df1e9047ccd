"""At which contents an expert over time failed: it isn't asked again by itself, and has no track of them.

What failed for want of memory or the like is work still, and asked again at the next run; what fails so twice in a row
is taken to fail for good, or a film that takes too much memory would be decoded at every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, and_, delete, false, insert, or_, select

from retrieval.store.arrears import OF_MOMENT
from retrieval.store.catalog import Catalog
from retrieval.store.conditions import under
from retrieval.store.schema import ExpertFailure, File

__all__ = [
    "ExpertFailureRecord",
    "FailedExpert",
    "failed_experts",
    "forget_expert_failures",
    "forgive_experts",
    "write_expert_failures",
]

_REASON_MOST = 1024


@dataclass(frozen=True, slots=True)
class ExpertFailureRecord:
    """Why an expert has no track of a content."""

    expert: str
    version: str
    reason: str
    tried_with: str
    is_of_moment: bool = False
    """The fault may have been the machine's."""


@dataclass(frozen=True, slots=True)
class FailedExpert:
    """A present file, and why one expert says nothing of it."""

    path: bytes
    display: str
    """The path in its readable form."""
    expert: str
    version: str
    reason: str


def write_expert_failures(connection: Connection, failures: Mapping[int, Sequence[ExpertFailureRecord]]) -> None:
    """Those of assets; each takes the place of the last of the same expert and version."""
    for asset_id, records in failures.items():
        for record in records:
            same = (
                ExpertFailure.asset_id == asset_id,
                ExpertFailure.expert == record.expert,
                ExpertFailure.version == record.version,
            )
            before = connection.scalar(select(ExpertFailure.tried_with).where(*same))
            connection.execute(delete(ExpertFailure).where(*same))
            values = asdict(record) | {"reason": record.reason[:_REASON_MOST]}
            if values.pop("is_of_moment") and before is None:
                values["tried_with"] = OF_MOMENT
            now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
            connection.execute(insert(ExpertFailure).values(asset_id=asset_id, failed_at=now, **values))


def forget_expert_failures(connection: Connection, answered: Iterable[tuple[int, str]]) -> None:
    """By (asset id, expert): experts that have said something now, be it at another version."""
    pairs = set(answered)
    failed = select(ExpertFailure.asset_id, ExpertFailure.expert).where(
        ExpertFailure.asset_id.in_({asset_id for asset_id, _ in pairs})
    )
    for asset_id, expert in connection.execute(failed.distinct()).all():
        if (asset_id, expert) in pairs:
            same = (ExpertFailure.asset_id == asset_id, ExpertFailure.expert == expert)
            connection.execute(delete(ExpertFailure).where(*same))


def forgive_experts(
    catalog: Catalog, roots: Sequence[bytes], experts: Sequence[tuple[str, str]], tried_with: str, *, retry: bool
) -> None:
    """Failures of ``experts`` (name, version) at files under ``roots`` are forgotten, so that they are asked again:
    those of before ``tried_with`` changed, or all if ``retry``. Needs the write lock."""
    asked = or_(false(), *(and_(ExpertFailure.expert == name, ExpertFailure.version == of) for name, of in experts))
    with catalog.engine.begin() as connection:
        for root in roots:
            below = ExpertFailure.asset_id.in_(select(File.asset_id).where(under(root)))
            gone = delete(ExpertFailure).where(below, asked)
            connection.execute(gone if retry else gone.where(ExpertFailure.tried_with.not_in([tried_with, OF_MOMENT])))


def failed_experts(connection: Connection, most: int | None = None) -> list[FailedExpert]:
    """Those of present files, in the order of their paths: the first ``most``, or all."""
    statement = (
        select(File.path, File.display, ExpertFailure.expert, ExpertFailure.version, ExpertFailure.reason)
        .join(ExpertFailure, ExpertFailure.asset_id == File.asset_id)
        .where(File.present)
        .order_by(File.path, ExpertFailure.expert, ExpertFailure.version)
        .limit(most)
    )
    return [FailedExpert(*row) for row in connection.execute(statement)]
