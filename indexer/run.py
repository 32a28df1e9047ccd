"""One index run: look at the roots, work on what is missing, bring the vector index up to date."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version

from indexer.report import IndexReport, ProgressCallback
from indexer.survey import Survey
from indexer.work import Work
from retrieval.errors import LibraryError
from retrieval.paths import display_of
from retrieval.settings import Settings, library_path
from retrieval.spaces.registry import get_space
from retrieval.store.catalog import Catalog
from retrieval.store.faiss_index import update_index
from retrieval.store.intake import Intake
from retrieval.store.sweep import sweep_orphans

__all__ = ["index"]

SEGMENTATION = ("frames", "1")
"""The method and version under which frames are kept; another way of choosing frames is another version."""


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
    roots = [os.fsencode(os.path.abspath(os.path.expanduser(path))) for path in paths]
    if not any(os.path.lexists(root) for root in roots):
        named = ", ".join(display_of(root) for root in roots) or "nothing"
        raise LibraryError(f"there is no file or folder to index: {named}; give a path that exists")
    chosen = get_space(space)
    report = IndexReport()

    def note(line: str) -> None:
        report.notices.append(line)
        notice(line)

    with Catalog(library_path(library), create=True) as catalog, catalog.lock():
        row = catalog.space(chosen.name, chosen.version, chosen.dim, normalized=chosen.normalized)
        sweep_orphans(catalog)
        intake = Intake(catalog, SEGMENTATION)
        intake.add_roots(root for root in roots if os.path.lexists(root))
        tried_with = _tried_with(settings := settings or Settings())
        survey = Survey(intake, report, note)
        try:
            survey.run(roots, skip=os.fsencode(catalog.library.resolve()))
            pending = intake.pending(roots, row, tried_with, retry=retry_failed)
            if rehash:
                pending = sorted(survey.seen.union(pending))
            report.still_failed = intake.count_failed(roots, tried_with) if not retry_failed else 0
            Work(intake, chosen, row, settings, report, progress, note, tried_with).run(pending)
            survey.mark_missing(roots)
        except KeyboardInterrupt:
            report.interrupted = True
        update_index(catalog, row, note)
    report.elapsed_seconds = round(time.monotonic() - started, 3)
    return report


def _tried_with(settings: Settings) -> str:
    """A permanent failure holds until this changes."""
    limits = settings.limits
    decoders = ", ".join(f"{name} {version(name)}" for name in ("pillow", "av"))
    return f"{decoders}; {limits.pixels} pixels; {limits.duration_seconds:.0f} s; {limits.memory_bytes} bytes"
