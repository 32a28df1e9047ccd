"""What each asset's own vectors say of a query: its chance, and the chances of its moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.search.chances import Chances
from retrieval.search.open_spaces import OpenSpace
from retrieval.search.ranking import find_moments
from retrieval.spaces.windows import starts_of_shots
from retrieval.store.lookup import AssetSegments, LiveAsset, Lookup
from retrieval.types import Float32Array, MediaKind, Moment

__all__ = ["Asked", "AssetJudge", "Judge", "Judged"]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The chance of an asset, with times [n, 2] (None for a picture) and chances [n] of its segments.

    Where these are frames of a video, ``begins`` [n] tells which begin a shot.
    """

    chance: float
    times: Float32Array | None
    by_segment: Float32Array
    begins: NDArray[np.bool_] | None = None

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Best first; none for a picture."""
        return () if self.times is None else tuple(find_moments(self.times, self.by_segment, self.begins))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A vector ``[d]``, and what a score by it means."""

    vector: Float32Array
    chances: Chances

    def of(self, vectors: Float32Array, *, of_one: bool) -> Float32Array:
        """The chances [n] that the segments ``vectors`` [n, d] show it; ``of_one`` asset, or of one each."""
        scores = vectors @ self.vector
        # The looks of the best segment stand for those of the whole video.
        return self.chances.of(scores, vectors[[scores.argmax()]] if of_one else vectors)


class AssetJudge(Protocol):
    """Says of assets how likely they fit one query."""

    fits_from: float
    """The chance from which one fits."""

    def of(self, assets: Iterable[LiveAsset], /) -> dict[int, Judged]:
        """By id; an asset that it knows nothing of is left out."""

    def pictures(self, assets: Sequence[LiveAsset], /) -> dict[int, Float32Array]:
        """The vectors ``[d]`` of those that are pictures, by id."""


class Judge:
    """Judges assets for one query, each once: that they show what is asked, and nothing of what is not."""

    def __init__(self, lookup: Lookup, opened: OpenSpace, asked: Asked | None, against: Sequence[Asked] = ()) -> None:
        """``asked`` is None where only what is not to be seen was said."""
        self._lookup = lookup
        self._opened = opened
        self._asked = asked
        self._against = against
        self.fits_from = asked.chances.fits_from if asked else max(each.chances.fits_from for each in against)
        self._judged: dict[int, Judged | None] = {}
        self._read: dict[int, AssetSegments | None] = {}

    def pictures(self, assets: Sequence[LiveAsset]) -> dict[int, Float32Array]:
        """The vectors ``[d]`` of those that are pictures, by id."""
        known = self._segments([each.id for each in assets if each.kind is MediaKind.PICTURE])
        return {asset_id: own.vectors[0] for asset_id, own in known.items() if len(own.vectors) == 1}

    def of(self, assets: Iterable[LiveAsset]) -> dict[int, Judged]:
        """By id; an asset without a sound vector in the space is left out."""
        asked = [asset.id for asset in assets]
        new = [asset_id for asset_id in dict.fromkeys(asked) if asset_id not in self._judged]
        self._judged |= dict.fromkeys(new) | dict(self._judge(self._segments(new)))
        return {asset_id: judged for asset_id in asked if (judged := self._judged[asset_id]) is not None}

    def _segments(self, asset_ids: Sequence[int]) -> dict[int, AssetSegments]:
        """Those of each asset are read once, whether it is judged or compared with others."""
        new = [asset_id for asset_id in asset_ids if asset_id not in self._read]
        if new:
            self._read |= dict.fromkeys(new) | self._lookup.segments(self._opened.row, new)
        return {asset_id: known for asset_id in asset_ids if (known := self._read[asset_id]) is not None}

    def _judge(self, segments: Mapping[int, AssetSegments]) -> Iterator[tuple[int, Judged]]:
        """What has one vector is judged together: comparing each alone with all that a calibration knows takes long."""
        single = [asset_id for asset_id, own in segments.items() if len(own.vectors) == 1]
        if single:
            vectors = np.concatenate([segments[asset_id].vectors for asset_id in single])
            likely = self._likely(vectors, of_one=False)
            for asset_id, chance in zip(single, likely, strict=True):
                yield asset_id, Judged(float(chance), segments[asset_id].times, chance[None])
        for asset_id, own in segments.items():
            if len(own.vectors) > 1:
                likely = self._likely(own.vectors, of_one=True)
                # Of what is not to be seen, a part of a shot may be free.
                are_shots = self._opened.space.normalized and not self._against
                begins = starts_of_shots(own.vectors) if are_shots else None
                yield asset_id, Judged(float(likely.max()), own.times, likely, begins)

    def _likely(self, vectors: Float32Array, *, of_one: bool) -> Float32Array:
        """The chances [n] of segments ``vectors`` [n, d]: of what is asked, times those of nothing that is not."""
        likely = np.ones(len(vectors), np.float32) if self._asked is None else self._asked.of(vectors, of_one=of_one)
        for each in self._against:
            likely = likely * (1 - each.of(vectors, of_one=of_one))
        return likely
