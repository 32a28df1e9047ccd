"""Which vector index a library has: exact while that is quick, approximate above. Figures: docs/scale.md."""

from __future__ import annotations

__all__ = ["EXACT_MOST", "is_small", "wants_training"]

EXACT_MOST = 100_000_000
"""Numbers (vectors times dimensions) that are compared one by one: 11 ms on two cores of 2024, 200,000 vectors of
512. Above, a search would be felt to wait."""
_GROWTH = 2.0
"""Lists that were trained for half of the vectors are too few and too long; until then new ones enter the old lists."""


def is_small(count: int, dim: int) -> bool:
    """Whether ``count`` vectors of length ``dim`` are best compared one by one."""
    return count * dim <= EXACT_MOST


def wants_training(count: int, dim: int, trained: int) -> bool:
    """Whether an index of ``count`` vectors, whose lists were trained for ``trained`` (0: it is exact), is outgrown."""
    return not is_small(count, dim) and count > _GROWTH * trained
