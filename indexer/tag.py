"""A tagging run: every tagger sees the assets that it has not seen, from what indexing kept.

Files are opened for taggers that read pixels alone (:mod:`indexer.tag_pixels`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from indexer.tag_pixels import PixelRun
from indexer.tag_report import TaggerReport, TagProgress, TagReport
from retrieval.errors import LibraryError
from retrieval.paths import display_of
from retrieval.settings import Settings, library_path
from retrieval.store.catalog import Catalog
from retrieval.store.tag_work import PixelSource, TagWork
from retrieval.store.tags import Tags
from retrieval.tagging.pixels import PixelTagger
from retrieval.tagging.tagger import Tagger, tag_assets

__all__ = ["TagProgress", "TagReport", "TaggerReport", "roots_of", "tag"]

_ASSETS_PER_COMMIT = 2048


def tag(
    taggers: Sequence[Tagger],
    library: str | os.PathLike[str] | None = None,
    *,
    paths: Iterable[str | os.PathLike[str]] = (),
    settings: Settings | None = None,
    progress: TagProgress = lambda done, total: None,
    notice: Callable[[str], None] = lambda line: None,
) -> TagReport:
    """Tag what of the library (under ``paths``, if there are any) the taggers have not seen at their version.

    A batch is one transaction: stopped at any instant, what is committed stays, and the next run goes on. What an
    older version of a tagger said of an asset goes when the newer has seen it. ``settings`` are for taggers that read
    pixels, for which files are decoded; one that can't be is told, and the run goes on.

    Raises:
        LibraryError: there is no library, no indexed file lies at one of ``paths``, or it can't be written.
        LibraryBusyError: another process writes to it.
        ModelError: a tagger's weights can't be had.
        TransientMediaError: media workers can't be started on this machine now.
    """
    report = TagReport()

    def note(line: str) -> None:
        report.notices.append(line)
        notice(line)

    with Catalog(library_path(library)) as catalog:
        roots = roots_of(catalog, paths)
        with catalog.lock():
            try:
                for tagger in taggers:
                    _run(catalog, tagger, roots, report, settings or Settings(), progress, note)
            except KeyboardInterrupt:
                report.interrupted = True
    return report


def roots_of(catalog: Catalog, paths: Iterable[str | os.PathLike[str]]) -> list[bytes]:
    """The paths as the catalog writes them.

    Raises:
        LibraryError: no indexed file lies at one of them, or below it.
    """
    roots = [os.fsencode(os.path.abspath(os.path.expanduser(path))) for path in paths]
    tags = Tags(catalog)
    for root in roots:
        if not tags.files([root]):
            raise LibraryError(
                f"nothing that is indexed lies at {display_of(root)}; index it first with `vidi index`, "
                "or give a path that `vidi index` has read"
            )
    return roots


def _run(
    catalog: Catalog,
    tagger: Tagger,
    roots: Sequence[bytes],
    report: TagReport,
    settings: Settings,
    progress: TagProgress,
    note: Callable[[str], None],
) -> None:
    done = TaggerReport(tagger.name, tagger.version)
    report.taggers.append(done)
    work = TagWork(catalog, tagger.name, tagger.version, tagger.source, roots)
    done.lacking = work.lacking()
    if isinstance(tagger.source, PixelSource):
        PixelRun(catalog, cast(PixelTagger, tagger), work, done, settings, progress, note).run()
    else:
        _from_kept(tagger, work, done, progress, note)


def _from_kept(
    tagger: Tagger, work: TagWork, done: TaggerReport, progress: TagProgress, note: Callable[[str], None]
) -> None:
    started = time.monotonic()
    total, last = work.waiting(), 0
    while total:
        found, reached = work.next(last, _ASSETS_PER_COMMIT, note)
        if reached is None:
            break
        last = reached
        results = tag_assets(tagger, found)
        work.write(results)
        done.count(results, time.monotonic() - started)
        progress(done.assets, total)
