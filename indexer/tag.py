"""A tagging run: every tagger sees the assets that it has not seen, from what indexing kept; no file is opened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from retrieval.errors import LibraryError
from retrieval.paths import display_of
from retrieval.settings import library_path
from retrieval.store.catalog import Catalog
from retrieval.store.tag_work import TagWork
from retrieval.store.tags import Tags
from retrieval.tagging.tagger import Tagger, tag_assets

__all__ = ["TagProgress", "TagReport", "TaggerReport", "roots_of", "tag"]

_ASSETS_PER_COMMIT = 2048

TagProgress = Callable[[int, int], None]
"""Told how many assets of how many are done."""


@dataclass(slots=True)
class TaggerReport:
    """What one tagger did: ``assets`` seen now, ``tags`` given to them, and the seconds from reading to commit."""

    name: str
    version: str
    assets: int = 0
    tagged: int = 0
    """Assets that have a tag of it; of the others it says nothing."""
    tags: int = 0
    lacking: int = 0
    """Assets that it can't see: indexing kept nothing of the kind that it looks at."""
    elapsed_seconds: float = 0.0

    @property
    def assets_per_second(self) -> float:
        """Features read, tags committed."""
        return self.assets / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0


@dataclass(slots=True)
class TagReport:
    """What a run did, tagger by tagger."""

    taggers: list[TaggerReport] = field(default_factory=list)
    interrupted: bool = False
    notices: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """As `vidi tag --json` prints it."""
        rates = [asdict(each) | {"assets_per_second": round(each.assets_per_second, 1)} for each in self.taggers]
        return {"taggers": rates, "interrupted": self.interrupted, "notices": self.notices}


def tag(
    taggers: Sequence[Tagger],
    library: str | os.PathLike[str] | None = None,
    *,
    paths: Iterable[str | os.PathLike[str]] = (),
    progress: TagProgress = lambda done, total: None,
    notice: Callable[[str], None] = lambda line: None,
) -> TagReport:
    """Tag what of the library (under ``paths``, if there are any) the taggers have not seen at their version.

    A batch is one transaction: stopped at any instant, what is committed stays, and the next run goes on. What an
    older version of a tagger said of an asset goes when the newer has seen it.

    Raises:
        LibraryError: there is no library, no indexed file lies at one of ``paths``, or it can't be written.
        LibraryBusyError: another process writes to it.
        ModelError: a tagger's weights can't be had.
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
                    _run(catalog, tagger, roots, report, progress, note)
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
    progress: TagProgress,
    note: Callable[[str], None],
) -> None:
    started = time.monotonic()
    done = TaggerReport(tagger.name, tagger.version)
    report.taggers.append(done)
    work = TagWork(catalog, tagger.name, tagger.version, tagger.source, roots)
    total, last = work.waiting(), 0
    done.lacking = work.lacking()
    while total:
        found, reached = work.next(last, _ASSETS_PER_COMMIT, note)
        if reached is None:
            break
        last = reached
        results = tag_assets(tagger, found)
        work.write(results)
        done.assets += len(results)
        done.tagged += sum(bool(each.tags) for each in results)
        done.tags += sum(len(each.tags) for each in results)
        done.elapsed_seconds = round(time.monotonic() - started, 3)
        progress(done.assets, total)
