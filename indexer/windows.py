"""The last stage of a run: windows of video and sound, from the tracks that the experts have given by then.

No file is opened, so that another model of the same experts costs no decoding.
"""

from __future__ import annotations

from indexer.job import Job
from indexer.report import IndexReport
from retrieval.spaces.mmt import MmtSpace
from retrieval.store.catalog import SpaceRow
from retrieval.store.windows import WindowedAsset, Windows

__all__ = ["embed_windows"]

_ASSETS_PER_COMMIT = 32


def embed_windows(job: Job, space: MmtSpace, row: SpaceRow, report: IndexReport) -> None:
    """Finish every video and sound in ``space`` that has tracks which it knows and no windows of them yet."""
    windows = Windows(job.catalog, row, space.experts, space.cut_version)
    last = 0
    while found := windows.missing(last, _ASSETS_PER_COMMIT):
        last = found[-1]
        windows.write([_windowed(job, space, windows, asset_id) for asset_id in found])
        report.windowed += len(found)


def _windowed(job: Job, space: MmtSpace, windows: Windows, asset_id: int) -> WindowedAsset:
    """Of what can be read: a lost track is decoded again at the next run, and its windows are made anew then."""
    lost: list[str] = []
    asset = windows.read(asset_id, lost)
    for reason in lost:
        job.notice(f"{reason}; the windows of this video go without it")
    spans = space.cut(asset.tracks, asset.duration_seconds)
    return WindowedAsset(asset_id, spans, space.embed_windows(asset.tracks, spans))
