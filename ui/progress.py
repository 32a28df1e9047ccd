"""A progress bar on a terminal, nothing elsewhere; notices go above the bar, to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ui.wording import clock, duration

if TYPE_CHECKING:
    from indexer import Progress

__all__ = ["ProgressBar", "show_progress"]


class ProgressBar:
    """One bar for a whole run, drawn by tqdm."""

    def __init__(self) -> None:
        from tqdm import tqdm  # a command that shows no bar need not load it

        self._bar = tqdm(
            total=0, unit="file", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False, dynamic_ncols=True
        )
        self._bar.bar_format = "{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}"

    def update(self, progress: Progress) -> None:
        """Draw the state of the run."""
        self._bar.total = progress.total
        self._bar.n = progress.done
        facts = [f"{progress.files_per_second:.1f} files/s"]
        if progress.seconds_left is not None:
            facts.append(f"{duration(progress.seconds_left)} left")
        if progress.video_at_seconds is not None:
            facts.append(f"at {clock(progress.video_at_seconds)} of a video")
        if progress.failed:
            facts.append(f"{progress.failed} failed")
        self._bar.set_postfix_str(", ".join(facts), refresh=False)
        self._bar.refresh()

    def say(self, line: str) -> None:
        """A line above the bar."""
        self._bar.clear()
        print(f"vidi: {line}", file=sys.stderr)

    def hide(self) -> None:
        """Take the bar away until there is news."""
        self._bar.clear()

    def close(self) -> None:
        """Remove the bar."""
        self._bar.close()


@contextmanager
def show_progress() -> Iterator[ProgressBar]:
    """A bar that is removed at the end, however it comes."""
    bar = ProgressBar()
    try:
        yield bar
    finally:
        bar.close()
