"""Which experts over time have not said anything yet of a video or sound."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, exists, false, or_, select, true

from retrieval.store.catalog import Catalog
from retrieval.store.schema import Asset, ExpertFailure, File, Track
from retrieval.types import MediaKind

__all__ = ["OF_MOMENT", "Expert", "experts_in_arrears", "lacking_experts", "lacks_track"]

Expert = tuple[str, str]
"""The name and version of an expert's tracks."""

OF_MOMENT = ""
"""What a failure was tried with that is no answer: the expert is asked again at the next run."""
_ANSWERS = (Track, ExpertFailure)
_TIMED = (MediaKind.VIDEO.value, MediaKind.SOUND.value)


def lacks_track(experts: Sequence[Expert]) -> ColumnElement[bool]:
    """A condition on rows of ``file``: a video or sound of which one of ``experts`` has no track, be it one of no rows,
    and at which it has not failed. Of a picture nothing is looked up.
    """
    lacking = [and_(*(~_answered(kept, expert) for kept in _ANSWERS)) for expert in experts]
    return and_(File.kind.in_(_TIMED), File.asset_id.is_not(None), or_(false(), *lacking))


def _answered(kept: type[Track] | type[ExpertFailure], expert: Expert) -> ColumnElement[bool]:
    name, version = expert
    return exists().where(
        kept.asset_id == File.asset_id, kept.expert == name, kept.version == version, _is_answer(kept)
    )


def _is_answer(kept: type[Track] | type[ExpertFailure]) -> ColumnElement[bool]:
    return kept.tried_with != OF_MOMENT if kept is ExpertFailure else true()


def experts_in_arrears(catalog: Catalog, experts: Sequence[Expert]) -> list[Expert]:
    """Those of ``experts`` that lack a track of something whose file is present."""
    with catalog.engine.connect() as connection:
        return [
            expert
            for expert in experts
            if connection.scalar(select(exists().where(File.present, lacks_track([expert]))))
        ]


def lacking_experts(
    connection: Connection, asset_ids: Sequence[int], experts: Sequence[Expert]
) -> dict[int, frozenset[Expert]]:
    """Of the videos and sounds among ``asset_ids``, those of ``experts`` that have not answered, as above."""
    timed = select(Asset.id).where(Asset.id.in_(asset_ids), Asset.kind.in_(_TIMED))
    lacking = {asset_id: set(experts) for asset_id in connection.scalars(timed)}
    for kept in _ANSWERS:
        answers = select(kept.asset_id, kept.expert, kept.version).where(
            kept.asset_id.in_(list(lacking)), _is_answer(kept)
        )
        for asset_id, name, version in connection.execute(answers):
            lacking[asset_id].discard((name, version))
    return {asset_id: frozenset(those) for asset_id, those in lacking.items()}
