"""What stays the same through one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from retrieval.experts.over_time import TimeExpert
from retrieval.experts.registry import AbsentExpert
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.intake import Expert, Intake

__all__ = ["Job"]


@dataclass(frozen=True, slots=True)
class Job:
    """One space to fill, in one library, with these settings."""

    library: Path
    catalog: Catalog
    intake: Intake
    space: Space
    space_row: SpaceRow
    expert: Expert
    """The name and version of the tracks that the space is computed from."""
    time_experts: Sequence[TimeExpert]
    """Those that are asked of videos and sounds."""
    absent_experts: Sequence[AbsentExpert]
    settings: Settings
    tried_with: str
    notice: Callable[[str], None]
    update_index: Callable[[], None]
    """Saves the vector index in the middle of a run, where that is worth it to the searches meanwhile."""
