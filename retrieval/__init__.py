"""Find pictures and moments in video from a sentence: ``from retrieval import Library``.

Importing this package does nothing and loads nothing heavy; each name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retrieval.client import Client
    from retrieval.errors import VidiError
    from retrieval.library import Library, LibraryStatus
    from retrieval.search.results import Hit, SearchResult
    from retrieval.types import MediaKind, Moment

__all__ = ["Client", "Hit", "Library", "LibraryStatus", "MediaKind", "Moment", "SearchResult", "VidiError"]

_HOMES = {
    "Client": "retrieval.client",
    "Hit": "retrieval.search.results",
    "Library": "retrieval.library",
    "LibraryStatus": "retrieval.library",
    "MediaKind": "retrieval.types",
    "Moment": "retrieval.types",
    "SearchResult": "retrieval.search.results",
    "VidiError": "retrieval.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
