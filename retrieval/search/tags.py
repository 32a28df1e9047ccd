"""What the embedded classifier calls the frames of a hit that was never tagged, from the track that indexing kept."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from retrieval.search.results import Tag
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.types import FeatureTrack, Moment

__all__ = ["ClassTags"]


class ClassTags:
    """Turns class tracks into tags, as `vidi tag` would. The names are read when they are first needed."""

    @cached_property
    def _tagger(self) -> ImageNetTagger:
        return ImageNetTagger()

    def of(self, track: FeatureTrack, moment: Moment | None) -> tuple[Tag, ...]:
        """Tags of the frames that lie in ``moment`` (of all, when it is None): of each the best, the surest first."""
        rows = track.features[_rows_in(track, moment)].astype(np.float32)
        if not len(rows) or rows.shape[1] != self._tagger.source.dim:
            return ()
        best = self._tagger.chances(rows).max(axis=0)
        said = np.flatnonzero(best)
        labels = self._tagger.labels
        return tuple(
            Tag(labels[place], float(best[place]), self._tagger.name)
            for place in said[np.argsort(-best[said], kind="stable")]
        )


def _rows_in(track: FeatureTrack, moment: Moment | None) -> NDArray[np.bool_]:
    if moment is None:
        return np.ones(len(track), bool)
    return np.asarray((track.times[:, 0] < moment.end_seconds) & (track.times[:, 1] > moment.start_seconds))
