"""Brings the rows of sidecars up to date with the files; no media file is opened, decoded or embedded for them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from indexer.companions import Companion, FoundSidecar
from indexer.gone import is_gone
from indexer.job import Job
from indexer.report import IndexReport
from retrieval.errors import TransientMediaError
from retrieval.media.tasks import Failed, Probed, ProbeTask
from retrieval.media.worker import MediaWorkers
from retrieval.paths import display_of
from retrieval.store.sidecars import SidecarKey, SidecarRecord, Sidecars
from retrieval.types import Words

__all__ = ["read_sidecars"]

_PATHS_PER_COMMIT = 256
_NOTICES_MOST = 20


@dataclass(frozen=True, slots=True)
class _Changed:
    """A sidecar to read, and the files that what it says belongs to."""

    path: bytes
    size_bytes: int
    modified_ns: int
    file_ids: tuple[int, ...]


def read_sidecars(
    job: Job, found: Iterable[Companion], seen: Collection[int], report: IndexReport, *, retry: bool = False
) -> None:
    """Read the sidecars that are new or changed, and forget those that are gone from beside ``seen`` files.

    One that can't be read costs what it says, not its media: it is kept with its reason. ``retry`` reads those again.
    """
    store = Sidecars(job.catalog)
    known = store.known(sorted(seen))
    owners = _owners(job, [sidecar for sidecar in found if isinstance(sidecar, FoundSidecar)])
    changed: list[_Changed] = []
    there: set[SidecarKey] = set()
    for path, file_ids in owners.items():
        keys = [(file_id, path) for file_id in file_ids]
        there.update(keys)
        if (state := _state(path)) is None:
            continue
        before = [known.get(key) for key in keys]
        if any(k is None or (k.size_bytes, k.modified_ns) != state or (retry and k.has_failed) for k in before):
            changed.append(_Changed(path, *state, tuple(file_ids)))
    gone = [key for key in known if key not in there and is_gone(key[1])]
    report.sidecars_gone += len(gone)
    for start in range(0, len(gone), _PATHS_PER_COMMIT):
        store.remove(gone[start : start + _PATHS_PER_COMMIT])
    _read(job, store, changed, report)


def _owners(job: Job, sidecars: Sequence[FoundSidecar]) -> dict[bytes, list[int]]:
    """By sidecar, the ids of the files that it is about."""
    paths = sorted({owner for sidecar in sidecars for owner in sidecar.owners})
    ids = {path: file.id for path, file in job.intake.known(paths).items()}
    owners: dict[bytes, list[int]] = {}
    for sidecar in sidecars:
        files = owners.setdefault(sidecar.path, [])
        files += [ids[owner] for owner in sidecar.owners if owner in ids and ids[owner] not in files]
    return owners


def _state(path: bytes) -> tuple[int, int] | None:
    """Size and time of change; None of what went meanwhile. What can't be looked at is tried, and tells why."""
    try:
        facts = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def _read(job: Job, store: Sidecars, changed: Sequence[_Changed], report: IndexReport) -> None:
    if not changed:
        return
    settings = job.settings
    records: list[SidecarRecord] = []
    with MediaWorkers(settings.limits, settings.sampling, processes=settings.index.workers) as workers:
        for outcome in workers.map(ProbeTask(key, sidecar.path, None) for key, sidecar in enumerate(changed)):
            records += _records(changed[outcome.key], outcome) if isinstance(outcome, Probed | Failed) else ()
            if isinstance(outcome, Failed):
                _tell(job, report, changed[outcome.key].path, outcome.reason)
            else:
                report.sidecars += 1
            if len(records) >= _PATHS_PER_COMMIT:
                store.write(records)
                records = []
    store.write(records)


def _records(sidecar: _Changed, outcome: Probed | Failed) -> Iterator[SidecarRecord]:
    for file_id in sidecar.file_ids:
        if isinstance(outcome, Probed):
            stat = outcome.stat
            yield SidecarRecord(file_id, sidecar.path, stat.size_bytes, stat.mtime_ns, outcome.words)
        else:
            is_permanent = not isinstance(outcome.error, TransientMediaError)
            state = (sidecar.size_bytes, sidecar.modified_ns)
            yield SidecarRecord(file_id, sidecar.path, *state, Words(), outcome.reason, is_permanent)


def _tell(job: Job, report: IndexReport, path: bytes, reason: str) -> None:
    report.sidecars_refused += 1
    if report.sidecars_refused <= _NOTICES_MOST:
        job.notice(f"{display_of(path)} does not count: {reason}")
    elif report.sidecars_refused == _NOTICES_MOST + 1:
        job.notice("more sidecars do not count; see each with `vidi status --failed`")
