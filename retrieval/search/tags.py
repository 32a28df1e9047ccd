"""What the embedded classifier calls the frames of a hit, from the track that indexing kept."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.appearance import imagenet_classes
from retrieval.search.results import Tag
from retrieval.types import FeatureTrack, Moment

__all__ = ["ClassTags"]

_LEAST_PROBABILITY = 0.3
_CLASSES_KEPT = 10


class ClassTags:
    """Turns class tracks into tags. The names are read when they are first needed."""

    @cached_property
    def _names(self) -> list[str]:
        return [entry.names[0].lower() for entry in imagenet_classes()]

    def of(self, track: FeatureTrack, moment: Moment | None) -> tuple[Tag, ...]:
        """Tags of the frames that lie in ``moment`` (of all, when it is None), likeliest first."""
        rows = track.features[_rows_in(track, moment)].astype(np.float32)
        if not len(rows) or rows.shape[1] != 2 * _CLASSES_KEPT:
            return ()
        if not ((rows >= 0) & (rows < len(self._names))).all():
            return ()  # a damaged track names no classes
        classes = rows[:, :_CLASSES_KEPT].astype(np.intp).ravel()
        # A class that isn't among a frame's ten likeliest counts as 0 there.
        sums = np.bincount(classes, weights=rows[:, _CLASSES_KEPT:].ravel(), minlength=len(self._names))
        means = sums / len(rows)
        likely = np.flatnonzero(means >= _LEAST_PROBABILITY)
        best_first = likely[np.argsort(-means[likely], kind="stable")]
        return tuple(Tag(self._names[index], float(means[index]), "classifier") for index in best_first)


def _rows_in(track: FeatureTrack, moment: Moment | None) -> NDArray[np.bool_]:
    if moment is None:
        return np.ones(len(track), bool)
    return np.asarray((track.times[:, 0] < moment.end_seconds) & (track.times[:, 1] > moment.start_seconds))
