"""A state of the library in a few numbers: by it the pages of an answer follow one another while indexing goes on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.errors import QueryError

__all__ = ["Snapshot"]

_WRITTEN = re.compile(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was searched at one moment. Ids only grow, so that what came later has greater ones."""

    vector_id: int
    """The greatest of the space."""
    asset_id: int
    """The greatest."""
    vectors: int
    """How many the space had."""

    def __str__(self) -> str:
        return f"{self.vector_id}.{self.asset_id}.{self.vectors}"

    @classmethod
    def parse(cls, text: str) -> Snapshot:
        """The snapshot that an answer gave as its ``as_of``.

        Raises:
            QueryError: it is none.
        """
        if (found := _WRITTEN.fullmatch(text)) is None:
            raise QueryError(f"{text!r} is no state of a library; give the as_of of an earlier answer, unchanged")
        return cls(*map(int, found.groups()))
