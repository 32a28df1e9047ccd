"""What every tagger offers: the chance of each of its labels, from what indexing kept; no file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from retrieval.store.tag_work import AssetRows, AssetTags, Source
from retrieval.types import Float32Array

__all__ = ["Tagger", "tag_assets"]


class Tagger(Protocol):
    """Its facts are known without loading a model. Shapes: n segments · L labels."""

    @property
    def name(self) -> str:
        """The source that its tags are shown with; one name has one version in a library."""

    @property
    def version(self) -> str:
        """A digest of all that shapes a tag."""

    @property
    def source(self) -> Source:
        """What it looks at."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All that it may say."""

    def chances(self, rows: Float32Array) -> Float32Array:
        """The chance, 0 to 1, of each label for rows ``[n, d]`` of its source: ``[n, L]``; 0 where it is not shown."""


def tag_assets(tagger: Tagger, found: Sequence[AssetRows]) -> list[AssetTags]:
    """The tags of assets; of a video also those of its segments, of which it has the best."""
    if not found:
        return []
    chances = tagger.chances(np.concatenate([each.rows for each in found]))
    starts = np.cumsum([0, *(len(each.rows) for each in found)])
    rows, columns = np.nonzero(chances)
    firsts = np.searchsorted(rows, starts)
    labels, scores = tagger.labels, chances[rows, columns].tolist()
    named = [labels[column] for column in columns.tolist()]
    results = []
    for number, each in enumerate(found):
        own = range(firsts[number], firsts[number + 1])
        best: dict[str, float] = {}
        for place in own:
            best[named[place]] = max(best.get(named[place], 0.0), scores[place])
        cut = each.segments
        parts = tuple((cut[rows[place] - starts[number]], named[place], scores[place]) for place in own) if cut else ()
        results.append(AssetTags(each.asset_id, best, parts))
    return results
