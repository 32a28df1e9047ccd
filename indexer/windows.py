"""The last stage of a run: windows of video and sound, from the tracks that the experts have given by then.

No file is opened, so that another model of the same experts costs no decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from indexer.batch import by_bytes
from indexer.job import Job
from indexer.report import IndexReport
from retrieval.errors import ModelError
from retrieval.experts.foreign import option_of
from retrieval.experts.over_time import TimeExpert
from retrieval.search.tuning import tuning_queries
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.registry import DEFAULT_SPACE, get_space
from retrieval.spaces.space import Space
from retrieval.store.arrears import experts_in_arrears
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.index_updates import update_index
from retrieval.store.lookup import Lookup
from retrieval.store.results import WINDOW_SPACES
from retrieval.store.windows import WindowedAsset, Windows, holds_timed_media

__all__ = ["WindowSpaces", "embed_windows", "index_windows", "needs_of", "spaces_of"]

WindowSpaces = Callable[[Catalog], Sequence[MmtSpace]]
"""Opens the spaces of windows that a run fills, when they are first needed."""

_STARTER = "mmt/starter"
_ASSETS_AT_ONCE = 256
"""Ids that are asked for, and assets committed at once, at most."""


def spaces_of(chosen: Space) -> tuple[Space, WindowSpaces]:
    """The picture space and the spaces of windows that a run fills for the ``chosen`` one.

    A space of windows stands upon a picture space, and both are filled. Beside it, and over a picture space, those
    windows are filled that come with vidi, and those of a person's own that the library holds already.
    """
    pictures = chosen
    if isinstance(chosen, MmtSpace):
        pictures = chosen.pictures or get_space(DEFAULT_SPACE)
    first = [chosen.name] if isinstance(chosen, MmtSpace) else []

    @cache
    def opened(catalog: Catalog) -> Sequence[MmtSpace]:
        held = [row.name for row in Lookup(catalog).spaces() if row.name.startswith(WINDOW_SPACES)]
        found = [_over(name, pictures.name) for name in dict.fromkeys([*first, _STARTER, *held])]
        own = [chosen] if isinstance(chosen, MmtSpace) and chosen.pictures is None else []
        return [*own, *(space for space in found if space is not None)]

    return pictures, opened


def _over(name: str, pictures: str) -> MmtSpace | None:
    try:
        space = get_space(name)
    except ModelError:  # videos are still found by their frames, and `vidi models` tells what is not here
        return None
    if isinstance(space, MmtSpace) and space.pictures is not None and space.pictures.name == pictures:
        return space
    return None


def needs_of(space: MmtSpace, asked: Sequence[TimeExpert], catalog: Catalog | None = None) -> Iterator[str]:
    """A line for each expert that a space was trained over, that vidi doesn't ship, and that is not ``asked``.

    With a ``catalog``, only of those that never saw some of what is in it.
    """
    here = {(expert.name, expert.version) for expert in asked}
    for name, version in space.expert_versions.items():
        option = option_of(name, version)
        if option is None or (name, version) in here:
            continue
        if catalog is None or experts_in_arrears(catalog, [(name, version)]):
            yield (
                f"{space.name} was trained over the {name} expert {version}, which this run does not ask: windows of "
                f"what it never saw go without it; give {option}"
            )


def embed_windows(job: Job, window_spaces: WindowSpaces, report: IndexReport) -> None:
    """Finish every video and sound that has tracks which a space knows and no windows of them there yet."""
    if not holds_timed_media(job.catalog):
        return
    done: set[int] = set()
    for space in window_spaces(job.catalog):
        for line in needs_of(space, job.time_experts, job.catalog):
            job.notice(line)
        windows = Windows(job.catalog, _row(job, space), space.expert_versions, space.segmentation, space.sight)
        last = 0
        while found := windows.missing(last, _ASSETS_AT_ONCE):
            last = found[-1]
            made = (_windowed(job, space, windows, asset_id) for asset_id in found)
            for assets in by_bytes(made, lambda asset: asset.vectors.nbytes):
                windows.write(assets)
                done.update(asset.id for asset in assets)
    report.windowed += len(done)


def index_windows(job: Job, window_spaces: WindowSpaces, *, if_worthwhile: bool) -> None:
    """Bring the vector indexes of the windows up to the catalog."""
    for space in window_spaces(job.catalog) if holds_timed_media(job.catalog) else ():
        update_index(
            job.catalog,
            _row(job, space),
            job.notice,
            if_worthwhile=if_worthwhile,
            queries=partial(tuning_queries, space),
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
