"""Makes one of what was taken as one: the raw of a JPEG, the clip of a live photograph are parts of their main file."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence

from indexer.companions import Companion, FoundPair
from indexer.job import Job
from retrieval.media.tasks import Probed, ProbeTask
from retrieval.media.worker import MediaWorkers
from retrieval.store.parts import Parts
from retrieval.types import MediaKind

__all__ = ["CLIP_SECONDS_MOST", "pair_files"]

CLIP_SECONDS_MOST = 6.0
"""Phones write 1.5 to 3 s around a live photograph. A longer video of the same name is one for itself."""


def pair_files(job: Job, found: Iterable[Companion], seen: Collection[int]) -> None:
    """Bring the catalog's parts up to date with what the scan found beside each other.

    A clip is opened once, to learn whether it is short. A part whose main file is gone stands for itself again.
    """
    pairs = {pair.path: pair for pair in found if isinstance(pair, FoundPair)}
    files = job.intake.known(sorted({path for pair in pairs.values() for path in (pair.path, pair.main)}))
    store = Parts(job.catalog)
    before = store.known(sorted({*seen, *(file.id for file in files.values())}))
    wanted = {
        files[pair.path].id: (files[pair.main].id, pair)
        for pair in pairs.values()
        if pair.path in files and pair.main in files
    }
    new = {
        part: (main, pair)
        for part, (main, pair) in wanted.items()
        if part not in before or (before[part].main_file_id, before[part].role) != (main, pair.role)
    }
    long = _long_ones(job, store, {part: pair.path for part, (_, pair) in new.items() if pair.role == "motion"})
    store.write([(part, main, pair.role) for part, (main, pair) in new.items() if part not in long])
    alone = [part for part, known in before.items() if part not in wanted and not os.path.lexists(known.main_path)]
    store.remove([*alone, *(part for part in long if part in before)])


def _long_ones(job: Job, store: Parts, clips: dict[int, bytes]) -> set[int]:
    """Those of ``clips``, by file id, that are no part of a photograph: too long, or not to be opened."""
    seconds = store.durations(sorted(clips))
    seconds |= _probed(job, [(file_id, path) for file_id, path in clips.items() if file_id not in seconds])
    return {file_id for file_id in clips if (length := seconds.get(file_id)) is None or length > CLIP_SECONDS_MOST}


def _probed(job: Job, clips: Sequence[tuple[int, bytes]]) -> dict[int, float | None]:
    if not clips:
        return {}
    settings = job.settings
    tasks = [ProbeTask(file_id, path, MediaKind.VIDEO) for file_id, path in clips]
    with MediaWorkers(settings.limits, settings.sampling, processes=settings.index.workers) as workers:
        return {outcome.key: outcome.duration_seconds for outcome in workers.map(tasks) if isinstance(outcome, Probed)}
