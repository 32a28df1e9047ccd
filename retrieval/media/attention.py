"""Which frames of a film are looked at: about one every interval, and the first of each shot."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from retrieval.media.shots import ShotDetector, Signature

__all__ = ["Attention", "Reason"]

SHORTEST_SHOT_SECONDS = 0.3
"""A cut sooner after the last one (a flash, a transition) is put off to this long after it."""


class Reason(StrEnum):
    """Why a frame is looked at."""

    CUT = "cut"
    """A shot starts here."""
    TIME = "time"


@dataclass(slots=True)
class Attention:
    """Judges frames as they come in the order of time."""

    interval_seconds: float
    shots: ShotDetector = field(default_factory=ShotDetector)
    last_look: float = float("-inf")
    due: float = float("-inf")
    """When the next look is wanted, cut or not."""
    owes_cut: bool = False
    """A cut was found too soon after the last one, and is still to be looked at."""
    _last_cut: float = float("-inf")

    def judge(self, now: float, seen: Signature, *, is_wanted: bool) -> Reason | None:
        """Why the frame at ``now`` seconds is looked at, or None; ``is_wanted``: it is, cut or not."""
        if self.shots.starts_shot(now, seen):
            self.owes_cut = True
        starts_shot = self.owes_cut and now >= self._last_cut + SHORTEST_SHOT_SECONDS
        if not (is_wanted or starts_shot):
            return None
        if starts_shot:
            self._last_cut, self.owes_cut = now, False
        self.last_look, self.due = now, now + self.interval_seconds
        return Reason.CUT if starts_shot else Reason.TIME
