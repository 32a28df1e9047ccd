"""The last stage of a run: windows of video and sound, from the tracks that the experts have given by then.

No file is opened, so that another model of the same experts costs no decoding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from indexer.job import Job
from indexer.report import IndexReport
from retrieval.errors import ModelError
from retrieval.search.tuning import tuning_queries
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.registry import DEFAULT_SPACE, get_space
from retrieval.spaces.space import Space
from retrieval.store.catalog import SpaceRow
from retrieval.store.index_updates import update_index
from retrieval.store.windows import WindowedAsset, Windows, holds_timed_media

__all__ = ["WindowSpace", "embed_windows", "index_windows", "spaces_of"]

WindowSpace = Callable[[], MmtSpace | None]
"""Opens the space of windows when it is first needed; None where there is none."""

_STARTER = "mmt/starter"
_ASSETS_PER_COMMIT = 32


def spaces_of(chosen: Space) -> tuple[Space, WindowSpace]:
    """The picture space and the space of windows that a run fills for the ``chosen`` one.

    A space of windows stands upon a picture space, and both are filled. Over a picture space those windows are filled
    that come with vidi and stand upon it.
    """
    if isinstance(chosen, MmtSpace):
        return chosen.pictures or get_space(DEFAULT_SPACE), lambda: chosen
    return chosen, cache(lambda: _starter_over(chosen.name))


def _starter_over(pictures: str) -> MmtSpace | None:
    try:
        space = get_space(_STARTER)
    except ModelError:  # videos are still found by their frames, and `vidi models` tells what is not here
        return None
    stands = isinstance(space, MmtSpace) and space.pictures is not None and space.pictures.name == pictures
    return space if isinstance(space, MmtSpace) and stands else None


def embed_windows(job: Job, window_space: WindowSpace, report: IndexReport) -> None:
    """Finish every video and sound that has tracks which the space knows and no windows of them yet."""
    if not holds_timed_media(job.catalog) or (space := window_space()) is None:
        return
    windows = Windows(job.catalog, _row(job, space), space.expert_versions, space.segmentation)
    last = 0
    while found := windows.missing(last, _ASSETS_PER_COMMIT):
        last = found[-1]
        windows.write([_windowed(job, space, windows, asset_id) for asset_id in found])
        report.windowed += len(found)


def index_windows(job: Job, window_space: WindowSpace, *, if_worthwhile: bool) -> None:
    """Bring the vector index of the windows up to the catalog."""
    if holds_timed_media(job.catalog) and (space := window_space()) is not None:
        update_index(
            job.catalog,
            _row(job, space),
            job.notice,
            if_worthwhile=if_worthwhile,
            queries=lambda: tuning_queries(space),
        )


def _row(job: Job, space: MmtSpace) -> SpaceRow:
    return job.catalog.space(space.name, space.version, space.dim, normalized=space.normalized)


def _windowed(job: Job, space: MmtSpace, windows: Windows, asset_id: int) -> WindowedAsset:
    """Of what can be read: a lost track is decoded again at the next run, and its windows are made anew then."""
    lost: list[str] = []
    asset = windows.read(asset_id, lost)
    for reason in lost:
        job.notice(f"{reason}; the windows of this video go without it")
    return WindowedAsset(asset_id, *space.embed_video(asset.tracks, asset.duration_seconds))
