"""A space whose heads changed is computed from the kept tracks: no file is opened, no drive need be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from indexer.batch import by_bytes
from indexer.job import Job
from indexer.report import IndexReport
from retrieval.errors import LibraryError
from retrieval.experts.expert import FrameExpert
from retrieval.store.tracks import StoredTrack
from retrieval.types import Float32Array

__all__ = ["embed_from_tracks"]

_ASSETS_AT_ONCE: Final = 256
"""Tracks that are asked for, and assets committed at once, at most."""
_ROWS_AT_ONCE: Final = 512
"""Of a track: what an expert recalls of a frame may be many times as wide as its features."""


def embed_from_tracks(job: Job, expert: FrameExpert, report: IndexReport) -> None:
    """Finish every asset that has a track and no result in ``space``. A track that can't be read is forgotten."""
    last = 0
    while found := job.intake.unembedded(job.space_row, job.expert, last, _ASSETS_AT_ONCE):
        last = found[-1][0]
        for some in by_bytes(_embedded(job, expert, found), lambda made: made[1].nbytes):
            job.intake.embed(job.space_row, dict(some))
            report.embedded += len(some)


def _embedded(
    job: Job, expert: FrameExpert, found: Iterable[tuple[int, StoredTrack]]
) -> Iterator[tuple[int, Float32Array]]:
    """Ids of assets, each with its vectors [n, d]."""
    for asset_id, stored in found:
        try:
            features = job.intake.read_track(stored).features
        except LibraryError as error:
            job.notice(f"{error}; its file is decoded again")
            job.intake.forget_track(asset_id, job.expert)
            continue
        parts = [features[start : start + _ROWS_AT_ONCE] for start in range(0, max(1, len(features)), _ROWS_AT_ONCE)]
        made = [job.space.embed_segments(expert.recall(part.astype(np.float32)).rows) for part in parts]
        yield asset_id, np.concatenate(made)
