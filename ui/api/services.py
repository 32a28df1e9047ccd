"""What the routes need, put together once where the server starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from retrieval.library import Library
from retrieval.store.catalog import Catalog

__all__ = ["Services"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Services:
    """One library, and the parts that serve it."""

    library: Library
    catalog: Catalog
    searches: CapacityLimiter
    """How many searches go on at one time: more than cores would only keep one another waiting."""

    async def search(self, ask: Callable[[], Value]) -> Value:
        """Run ``ask`` in its turn, beside the server's loop."""
        return await to_thread.run_sync(ask, limiter=self.searches)
