"""What an MMT is trained and measured on: clips with captions, as their experts tell of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.models.mmt_inputs import Window

__all__ = ["CaptionedClip", "ClipSet", "Windows", "batches_of", "one_of", "without_some"]


class Windows(Protocol):
    """At least one, each made when it is asked for: those of a long video together would be twice its tracks."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Window: ...


@dataclass(frozen=True, slots=True, eq=False)
class CaptionedClip:
    """What the experts say of a clip in each of its windows, and at least one caption of it."""

    windows: Windows
    captions: tuple[str, ...]


class ClipSet(Protocol):
    """Clips by number, from 0. Those of one group, such as the same events in two orders, share a batch."""

    @property
    def groups(self) -> NDArray[np.int64]:
        """The group of each clip, [n], rising."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> CaptionedClip: ...

    def all_captions(self) -> Sequence[str]:
        """Of all clips, in order; a caption may come more than once."""


def batches_of(groups: NDArray[np.int64], batch: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Numbers of clips, [batch] each: groups in random order, clips of one side by side; a rest is left out."""
    starts = np.flatnonzero(np.diff(groups, prepend=-1))
    parts = np.split(np.arange(len(groups)), starts[1:])
    order = np.concatenate([parts[number] for number in rng.permutation(len(parts))])
    for start in range(0, len(order) - batch + 1, batch):
        yield order[start : start + batch]


def one_of(windows: Windows, rng: np.random.Generator) -> Window:
    """One by chance. Where there is one alone, nothing is drawn."""
    return windows[int(rng.integers(len(windows)))] if len(windows) > 1 else windows[0]


def without_some(window: Window, share: float, rng: np.random.Generator) -> Window:
    """The window, each of its experts left out with the chance ``share``, but never all."""
    kept = {name: track for name, track in window.tracks.items() if rng.random() >= share}
    return replace(window, tracks=kept) if kept else window
