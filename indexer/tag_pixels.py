"""The part of a tagging run that opens files: for taggers that read pixels, of which indexing keeps none.

Files are decoded by the isolated workers in the tagger's own form, frames of many share a batch, and what is finished
is committed every few seconds. One that can't be looked at is told, costs nothing else, and is the next run's work.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from indexer.tag_report import TaggerReport, TagProgress
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed, Finished, Outcome
from retrieval.media.worker import MediaWorkers
from retrieval.paths import display_of
from retrieval.settings import Settings
from retrieval.store.catalog import Catalog
from retrieval.store.tag_files import AssetFiles, files_of
from retrieval.store.tag_work import AssetRows, AssetTags, TagWork
from retrieval.tagging.pixels import PixelTagger
from retrieval.tagging.tagger import tag_assets
from retrieval.types import Float32Array, Frame, MediaKind

__all__ = ["PixelRun"]

_ASSETS_PER_PAGE = 256
_ASSETS_PER_COMMIT = 256
_DECODER_NICENESS = 5
_TOLD_MOST = 20
"""Lines about files that can't be looked at: if a drive is gone, they are all alike."""
_CHANGED = "it changed since it was indexed; run `vidi index` on it first"


@dataclass(slots=True)
class _Look:
    """An asset at work: the place of the copy that is read, and what was seen of it so far."""

    files: AssetFiles
    copy: int = 0
    spans: list[float] = field(default_factory=list)
    """Where the frames of a video begin, in seconds."""
    frames: int = 0
    rows: list[Float32Array] = field(default_factory=list)
    is_finished: bool = False

    @property
    def is_complete(self) -> bool:
        return self.is_finished and len(self.rows) == self.frames


class PixelRun:
    """One tagger over what it has not seen; the report counts what is committed."""

    def __init__(
        self,
        catalog: Catalog,
        tagger: PixelTagger,
        work: TagWork,
        report: TaggerReport,
        settings: Settings,
        progress: TagProgress,
        note: Callable[[str], None],
    ) -> None:
        self._catalog = catalog
        self._tagger = tagger
        self._work = work
        self._report = report
        self._settings = replace(settings, sampling=replace(settings.sampling, form=tagger.form))
        self._progress = progress
        self._note = note
        self._total = 0
        self._last = 0
        self._waiting: deque[_Look] = deque()
        self._looks: dict[int, _Look] = {}
        self._batch: list[tuple[int, Frame]] = []
        self._done: list[_Look] = []
        self._began = self._committed = time.monotonic()

    def run(self) -> None:
        """Look at everything. On Ctrl-C, what is finished is committed before the interrupt goes on."""
        self._total = self._work.waiting()
        if not self._total:
            return
        self._tagger.load()
        try:
            self._run_workers()
        finally:
            self._commit()

    def _run_workers(self) -> None:
        settings = self._settings
        with MediaWorkers(
            settings.limits, settings.sampling, processes=settings.index.workers, niceness=_DECODER_NICENESS
        ) as workers:
            has_more = True
            while has_more:  # a second time for files whose copies are tried
                for outcome in workers.map(self._tasks()):
                    self._take(outcome)
                    if self._is_due:
                        self._commit()
                self._encode()
                has_more = bool(self._waiting)

    def _tasks(self) -> Iterator[DecodeTask]:
        while self._waiting or self._has_page():
            look = self._waiting.popleft()
            self._looks[look.files.asset_id] = look
            copy = look.files.copies[look.copy]
            yield DecodeTask(look.files.asset_id, copy.path, MediaKind(copy.kind))

    def _has_page(self) -> bool:
        """Whether there are more assets; they are waiting, then."""
        while not self._waiting:
            if not (unseen := self._work.unseen(self._last, _ASSETS_PER_PAGE)):
                return False
            self._last = max(unseen)
            self._waiting.extend(map(_Look, files_of(self._catalog, list(unseen))))
        return True

    # -- outcomes --------------------------------------------------------------------------------------------

    def _take(self, outcome: Outcome) -> None:
        look = self._looks[outcome.key]
        match outcome:
            case DecodedFrame(frame=frame):
                look.frames += 1
                if frame.span is not None:
                    look.spans.append(frame.span.start_seconds)
                self._batch.append((outcome.key, frame))
                if len(self._batch) >= self._settings.index.batch_size:
                    self._encode()
            case Finished(stat=stat):
                copy = look.files.copies[look.copy]
                if copy.is_same(stat.size_bytes, stat.mtime_ns, stat.inode):
                    look.is_finished = True
                    self._gather()
                else:
                    self._fail(look, _CHANGED)
            case Failed():
                self._fail(look, outcome.reason)

    def _fail(self, look: _Look, reason: str) -> None:
        """Another copy is tried, if there is one."""
        asset_id = look.files.asset_id
        del self._looks[asset_id]
        self._batch = [(key, frame) for key, frame in self._batch if key != asset_id]
        if look.copy + 1 < len(look.files.copies):
            self._waiting.append(_Look(look.files, look.copy + 1))
            return
        self._report.failed += 1
        if self._report.failed <= _TOLD_MOST:
            self._note(f"{display_of(look.files.copies[look.copy].path)} can't be looked at: {reason}")

    def _encode(self) -> None:
        batch, self._batch = self._batch, []
        if batch:
            rows = self._tagger.look(np.stack([frame.pixels for _, frame in batch]))
            for (asset_id, _), row in zip(batch, rows, strict=True):
                self._looks[asset_id].rows.append(row)
        self._gather()

    def _gather(self) -> None:
        for asset_id in [asset_id for asset_id, look in self._looks.items() if look.is_complete]:
            self._done.append(self._looks.pop(asset_id))

    # -- commits ---------------------------------------------------------------------------------------------

    @property
    def _is_due(self) -> bool:
        waited = time.monotonic() - self._committed >= self._settings.index.commit_seconds
        return len(self._done) >= _ASSETS_PER_COMMIT or (waited and bool(self._done))

    def _commit(self) -> None:
        self._committed = time.monotonic()
        done, self._done = self._done, []  # stopped in the middle, a batch is no one's but the next run's
        if not done:
            return
        results = tag_assets(self._tagger, [_seen(look) for look in done if look.rows])
        results += [AssetTags(look.files.asset_id, {}) for look in done if not look.rows]
        self._work.write(results)
        self._report.count(results, time.monotonic() - self._began)
        self._progress(self._report.assets + self._report.failed, self._total)


def _seen(look: _Look) -> AssetRows:
    return AssetRows(look.files.asset_id, np.stack(look.rows), look.files.segments(look.spans) if look.spans else ())
