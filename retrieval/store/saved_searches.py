"""Searches that people keep under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select

from retrieval.errors import QueryError
from retrieval.store.catalog import Catalog
from retrieval.store.labels import label_name
from retrieval.store.schema import SavedSearch as Row

__all__ = ["SavedSearch", "SavedSearches"]


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search under its name: ``asked`` are arguments of :meth:`retrieval.library.Library.search`."""

    name: str
    asked: Mapping[str, Any]
    saved_at: datetime
    """In UTC, without a zone."""


class SavedSearches:
    """Reads and writes them. The caller of what writes holds the write lock."""

    def __init__(self, catalog: Catalog) -> None:
        self._engine = catalog.engine

    def all(self) -> list[SavedSearch]:
        """In the order of their names."""
        columns = select(Row.name, Row.asked, Row.saved_at)
        with self._engine.connect() as connection:
            found = [SavedSearch(*row) for row in connection.execute(columns)]
        return sorted(found, key=lambda each: (each.name.casefold(), each.name))

    def find(self, name: str) -> SavedSearch:
        """The search called ``name``.

        Raises:
            QueryError: there is none.
        """
        known = self.all()
        for each in known:
            if each.name == label_name(name):
                return each
        names = ", ".join(each.name for each in known)
        raise QueryError(
            f"no search is saved as {name!r}; " + (f"there are: {names}" if names else "none is saved yet")
        )

    def save(self, name: str, asked: Mapping[str, Any]) -> None:
        """Keep ``asked`` under ``name``, in place of what had it.

        Raises:
            QueryError: the name is empty.
        """
        if not (kept := label_name(name)):
            raise QueryError("the name of a search is empty; give one such as birthdays")
        now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        with self._engine.begin() as connection:
            connection.execute(delete(Row).where(Row.name == kept))
            connection.execute(insert(Row).values(name=kept, asked=dict(asked), saved_at=now))

    def forget(self, name: str) -> None:
        """Remove the search called ``name``.

        Raises:
            QueryError: there is none.
        """
        known = self.find(name)
        with self._engine.begin() as connection:
            connection.execute(delete(Row).where(Row.name == known.name))
