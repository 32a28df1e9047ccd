"""How far the work is, told at most ten times a second."""

from __future__ import annotations

import time

from indexer.report import IndexReport, Progress, ProgressCallback

__all__ = ["Meter"]

_SECONDS_BETWEEN = 0.1


class Meter:
    """Counts files that are done. Does nothing more when nobody listens."""

    def __init__(self, report: IndexReport, listener: ProgressCallback | None, total: int) -> None:
        self._report = report
        self._listener = listener
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._told = 0.0

    def finish(self, files: int) -> None:
        """So many more files are done, committed or recorded as failed."""
        self._done += files

    def tell(self, video_at_seconds: float | None = None, *, now: bool = False) -> None:
        """Tell the listener, unless it was told a moment ago; with ``now``, in any case."""
        clock = time.monotonic()
        if self._listener is None or (not now and clock - self._told < _SECONDS_BETWEEN):
            return
        self._told = clock
        report = self._report
        elapsed = clock - self._started
        self._listener(
            Progress(
                self._done, self._total, report.pictures, report.video_seconds, report.failed, elapsed, video_at_seconds
            )
        )
