"""One index run: look at the roots, work on what is missing, bring the vector index up to date."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

from indexer.job import Job
from indexer.meter import Meter
from indexer.reembed import embed_from_tracks
from indexer.report import IndexReport, ProgressCallback
from indexer.survey import Survey
from indexer.work import Work
from retrieval.errors import LibraryError
from retrieval.experts.appearance import Appearance
from retrieval.paths import display_of
from retrieval.search.tuning import tuning_queries
from retrieval.settings import Settings, library_path
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.index_updates import update_index
from retrieval.store.intake import Intake
from retrieval.store.sweep import sweep_orphans

__all__ = ["index"]

MEDIA_VERSION = "1"
"""Raised when our own decoding, or the choice of frames, changes: permanent failures are tried again then."""


def _ignore(_line: str) -> None:
    """The default for callers that want no notices."""


def index(
    paths: Iterable[str | os.PathLike[str]],
    library: str | os.PathLike[str] | None = None,
    *,
    space: str = "starter",
    retry_failed: bool = False,
    rehash: bool = False,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    notice: Callable[[str], None] = _ignore,
) -> IndexReport:
    """Index pictures, videos and sounds under ``paths`` into ``library`` (default: the platform's).

    Only what is missing is done: running again continues. A file that can't be used is recorded with its reason,
    and the run goes on. ``notice`` receives plain lines about what was passed over; ``progress`` at most ten
    states a second. Stopped by Ctrl-C, the run commits what is finished and reports ``interrupted``.

    Raises:
        LibraryError: none of ``paths`` can be found, or the library can't be used.
        LibraryBusyError: another process writes to it.
        UnknownSpaceError: no space is called ``space``.
    """
    started = time.monotonic()
    roots = _roots(paths)
    settings = settings or Settings()
    chosen = get_space(space)
    report = IndexReport()

    def note(line: str) -> None:
        report.notices.append(line)
        notice(line)

    with Catalog(library_path(library), create=True) as catalog, catalog.lock():
        sweep_orphans(catalog)
        row = catalog.space(chosen.name, chosen.version, chosen.dim, normalized=chosen.normalized)
        job = _job(catalog, chosen, row, settings, note)
        with _interruptible(report):
            with _interruptible(report):
                _run(job, roots, report, progress, retry=retry_failed, rehash=rehash)
            update_index(
                catalog, row, note, queries=lambda: tuning_queries(chosen)
            )  # stopped here, it lacks what is added from the catalog on opening
    report.elapsed_seconds = round(time.monotonic() - started, 3)
    return report


@contextmanager
def _interruptible(report: IndexReport) -> Iterator[None]:
    """Ctrl-C ends the block, and is reported."""
    try:
        yield
    except KeyboardInterrupt:
        report.interrupted = True


def _roots(paths: Iterable[str | os.PathLike[str]]) -> list[bytes]:
    try:
        roots = [os.fsencode(os.path.abspath(os.path.expanduser(path))) for path in paths]
    except FileNotFoundError as error:
        raise LibraryError("the working folder is gone; change to one that exists") from error
    if not any(os.path.lexists(root) for root in roots):
        named = ", ".join(display_of(root) for root in roots) or "nothing"
        raise LibraryError(f"there is no file or folder to index: {named}; give a path that exists")
    return roots


def _job(catalog: Catalog, space: Space, row: SpaceRow, settings: Settings, note: Callable[[str], None]) -> Job:
    def refresh() -> None:
        update_index(catalog, row, note, if_worthwhile=True)

    sampling = settings.sampling
    cut = (
        f"{MEDIA_VERSION}-{sampling.interval_seconds:g}-{sampling.longest_span_seconds:g}-{sampling.merge_difference:g}"
    )
    return Job(
        library=catalog.library,
        intake=Intake(catalog, ("frames", cut)),
        space=space,
        space_row=row,
        expert=(Appearance.name, f"{Appearance.version}+{cut}"),
        settings=settings,
        tried_with=_tried_with(settings),
        notice=note,
        update_index=refresh,
    )


def _run(
    job: Job,
    roots: Sequence[bytes],
    report: IndexReport,
    progress: ProgressCallback | None,
    *,
    retry: bool,
    rehash: bool,
) -> None:
    """Look, embed what needs no decoding, decode the rest, and judge what is missing."""
    intake, appearance = job.intake, Appearance()
    intake.add_roots(root for root in roots if os.path.lexists(root))
    survey = Survey(intake, report, job.notice)
    survey.run(roots, library=job.library)
    embed_from_tracks(job, appearance, report)
    report.still_failed = 0 if retry else intake.failed_for_good(roots, job.tried_with)
    pending = intake.pending(roots, job.space_row, job.tried_with, retry=retry)
    if rehash:
        known = set(pending)
        pending += sorted(file_id for file_id in survey.seen if file_id not in known)
    Work(job, appearance, report, Meter(report, progress, len(pending))).run(pending)
    embed_from_tracks(job, appearance, report)  # of assets that came back with this run's files
    survey.mark_missing(roots)


def _tried_with(settings: Settings) -> str:
    """A permanent failure holds until this changes."""
    limits = hashlib.sha256(repr(settings.limits).encode()).hexdigest()[:8]
    decoders = ", ".join(f"{name} {version(name)}" for name in ("pillow", "av"))
    return f"{decoders}, media {MEDIA_VERSION}, limits {limits}"
