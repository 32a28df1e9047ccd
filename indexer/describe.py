"""Reads the words of content that an earlier version of vidi indexed without them: its pixels are not decoded again."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.job import Job
from indexer.report import IndexReport
from retrieval.media.tasks import Failed, Probed, ProbeTask
from retrieval.media.worker import MediaWorkers
from retrieval.store.descriptions import SilentAsset, silent_assets, write_descriptions
from retrieval.types import MediaKind, Words

__all__ = ["describe_silent_assets"]

_ASSETS_PER_COMMIT = 256


def describe_silent_assets(job: Job, roots: Sequence[bytes], report: IndexReport) -> None:
    """Give every asset under ``roots`` its description. One that can't be read for good has none to tell."""
    silent = silent_assets(job.catalog, roots)
    if not silent:
        return
    settings = job.settings
    tasks = (ProbeTask(number, asset.path, MediaKind(asset.kind)) for number, asset in enumerate(silent))
    words: dict[int, Words] = {}
    with MediaWorkers(settings.limits, settings.sampling, processes=settings.index.workers) as workers:
        for outcome in workers.map(tasks):
            asset = silent[outcome.key]
            if isinstance(outcome, Probed) and _is_unchanged(asset, outcome):
                words[asset.asset_id] = outcome.words
            elif isinstance(outcome, Failed) and outcome.is_permanent:
                words[asset.asset_id] = Words()
            if len(words) >= _ASSETS_PER_COMMIT:
                _write(job, words, report)
                words = {}
    _write(job, words, report)


def _is_unchanged(asset: SilentAsset, probed: Probed) -> bool:
    """Else it is another content now, which this run or the next reads as such."""
    return (probed.stat.size_bytes, probed.stat.mtime_ns) == (asset.size_bytes, asset.modified_ns)


def _write(job: Job, words: dict[int, Words], report: IndexReport) -> None:
    with job.catalog.engine.begin() as connection:
        write_descriptions(connection, words)
    report.described += len(words)
