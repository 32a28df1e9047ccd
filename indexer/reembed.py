"""A space whose heads changed is computed from the kept tracks: no file is opened, no drive need be there."""

from __future__ import annotations

import numpy as np

from indexer.job import Job
from indexer.report import IndexReport
from retrieval.errors import LibraryError
from retrieval.experts.expert import FrameExpert
from retrieval.types import Float32Array

__all__ = ["embed_from_tracks"]

_ASSETS_PER_COMMIT = 256


def embed_from_tracks(job: Job, expert: FrameExpert, report: IndexReport) -> None:
    """Finish every asset that has a track and no result in ``space``. A track that can't be read is forgotten."""
    last = 0
    while found := job.intake.unembedded(job.space_row, job.expert, last, _ASSETS_PER_COMMIT):
        last = found[-1][0]
        vectors: dict[int, Float32Array] = {}
        for asset_id, stored in found:
            try:
                features = job.intake.read_track(stored).features.astype(np.float32)
            except LibraryError as error:
                job.notice(f"{error}; its file is decoded again")
                job.intake.forget_track(asset_id, job.expert)
                continue
            vectors[asset_id] = job.space.embed_segments(expert.recall(features).rows)
        job.intake.embed(job.space_row, vectors)
        report.embedded += len(vectors)
