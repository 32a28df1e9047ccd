"""The embedded tower's features of labelled pictures: each picture as it is, and mirrored.

Shapes: n pictures · v views · d = 1280.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.appearance import Appearance
from retrieval.settings import Settings
from retrieval.training.classifier.labelled_pictures import LabelledPictures
from retrieval.training.classifier.picture_set import decoded, usable_rows
from retrieval.types import Float32Array

__all__ = ["FeatureSet", "read_features"]

_AT_ONCE: Final = 32  # decoded, waiting for the encoder
_TOLD_EACH: Final = 500


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FeatureSet:
    """``features`` [n, v, d] float32 and ``labels`` [n], places in ``classes``."""

    features: Float32Array
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"FeatureSet(features{list(self.features.shape)}, {len(self.classes)} classes)"

    def seen(self, rows: NDArray[np.bool_] | None = None) -> tuple[Float32Array, NDArray[np.int64]]:
        """Every view of the pictures at ``rows`` (all without it): features [n·v, d] and labels [n·v]."""
        chosen = np.ones(len(self), np.bool_) if rows is None else rows
        features = self.features[chosen]
        return features.reshape(-1, features.shape[-1]), np.repeat(self.labels[chosen], features.shape[1])

    def only(self, places: NDArray[np.int64]) -> FeatureSet:
        """The pictures at ``places``."""
        return FeatureSet(self.features[places], self.labels[places], self.classes)

    @property
    def plain(self) -> Float32Array:
        """The pictures as they are: [n, d]."""
        return self.features[:, 0]


def read_features(
    pictures: LabelledPictures,
    settings: Settings,
    say: Callable[[str], None],
    *,
    mirrored: bool = True,
    appearance: Appearance | None = None,
) -> tuple[FeatureSet, list[int]]:
    """The pictures that can be decoded, in their order, and the places of the others, each told in one line.

    Raises:
        DatasetError: not one picture can be used.
        TransientMediaError: media workers can't be started on this machine now.
        WeightsError: the tower's weights are absent or damaged.
    """
    expert = appearance or Appearance()
    found: dict[int, Float32Array] = {}
    waiting: dict[int, NDArray[np.uint8]] = {}
    left_out: dict[int, str] = {}
    for row, outcome in decoded(pictures, Appearance.picture_size, settings):
        if isinstance(outcome, str):
            left_out[row] = outcome
            say(f"left out: {pictures.paths[row]}: {outcome}")
            continue
        waiting[row] = outcome
        if len(waiting) >= _AT_ONCE:
            _encode(expert, waiting, found, mirrored=mirrored)
            if len(found) % _TOLD_EACH < _AT_ONCE:
                say(f"{len(found):,} of {len(pictures):,} pictures read")
    if waiting:
        _encode(expert, waiting, found, mirrored=mirrored)
    kept = usable_rows(pictures, left_out)
    features = np.stack([found[row] for row in kept])
    return FeatureSet(features, pictures.labels[kept], pictures.classes), sorted(left_out)


def _encode(
    expert: Appearance, waiting: dict[int, NDArray[np.uint8]], found: dict[int, Float32Array], *, mirrored: bool
) -> None:
    """Moves what waits into ``found``, [v, d] a picture."""
    pixels = np.stack(list(waiting.values()))
    views = [pixels, np.ascontiguousarray(pixels[:, :, ::-1])] if mirrored else [pixels]
    features = np.stack([expert.encode(view).features for view in views], axis=1)  # [n, v, d]
    found.update(zip(waiting, features, strict=True))
    waiting.clear()
