"""What the routes need, put together once where the server starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from retrieval.library import Library
from retrieval.store.catalog import Catalog
from ui.api.previews import PreviewStore
from ui.index_jobs import IndexJobs
from ui.page.thumbnails import ThumbnailStore
from ui.small_writes import SmallWrites

__all__ = ["Services"]

Value = TypeVar("Value")
_CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Services:
    """One library, and the parts that serve it."""

    library: Library
    catalog: Catalog
    thumbnails: ThumbnailStore
    previews: PreviewStore
    jobs: IndexJobs
    searches: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_CORES))
    """How many searches go on at one time: more than cores would only keep one another waiting."""
    counting: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """Counting may take seconds of a large library: whoever counts waits for whoever counts, and no search does."""
    thumbnail_makers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(min(2, _CORES)))
    preview_makers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """One, so that a page of thumbnails never waits for clips."""
    writes: SmallWrites = field(default_factory=SmallWrites)

    async def search(self, ask: Callable[[], Value]) -> Value:
        """Run ``ask`` in its turn, beside the server's loop."""
        return await to_thread.run_sync(ask, limiter=self.searches)
