"""Which expert a space reads."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from retrieval.experts.appearance import Appearance
from retrieval.experts.expert import FrameExpert
from retrieval.spaces.space import Space

__all__ = ["BringsExpert", "expert_of"]


@runtime_checkable
class BringsExpert(Protocol):
    """A space whose picture tower is an expert of its own; others share ``appearance``."""

    def frame_expert(self) -> FrameExpert:
        """The expert; its model is not loaded yet."""


def expert_of(space: Space) -> FrameExpert:
    """The expert of frames that ``space`` needs; its model is not loaded yet."""
    return space.frame_expert() if isinstance(space, BringsExpert) else Appearance()
