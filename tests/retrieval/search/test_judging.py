"""What the vectors of assets say of a query, judged in one go where that is possible."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrieval.search.judging import Asked, Judge
from retrieval.search.open_spaces import OpenSpace
from retrieval.store.faiss_index import open_index
from retrieval.store.file_filter import EVERYTHING
from retrieval.store.lookup import Lookup
from retrieval.types import Float32Array


class ByLooks:
    """The chance is the hit's own second number; it keeps how many were judged at once."""

    fits_from = 0.5

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def of(self, scores: Float32Array, vectors: Float32Array) -> Float32Array:
        self.calls.append((len(scores), len(vectors)))
        return np.broadcast_to(vectors[:, 1], scores.shape).astype(np.float32)


def test_pictures_are_judged_together_and_each_as_itself(library: Any, space: Any) -> None:
    row = library.space()
    looks = {library.asset(f"/{number}.jpg"): number / 16 for number in range(9)}
    for asset_id, look in looks.items():
        library.embed(asset_id, row, [[0.5, look, 0, 0]])
    video = library.asset("/clip.mp4", kind="video")
    library.embed(video, row, [[0.5, 0.25, 0, 0], [0.75, 0.75, 0, 0]], [(0, 1), (1, 2)])
    lookup, chances = Lookup(library.catalog), ByLooks()
    opened = OpenSpace(space, row, open_index(library.catalog, row))
    judge = Judge(lookup, opened, Asked(np.array([1, 0, 0, 0], np.float32), chances))
    assets = list(lookup.live_assets([*looks, video], EVERYTHING).values())
    for _ in range(2):  # the second time all is known
        judged = judge.of(assets)
    assert {asset_id: found.chance for asset_id, found in judged.items()} == pytest.approx(looks | {video: 0.75})
    assert chances.calls == [(9, 9), (2, 1)]
    assert judged[next(iter(looks))].moments == ()
    assert len(judged[video].moments) == 1
