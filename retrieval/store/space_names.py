"""Names of spaces as people see them.

Libraries that were indexed before ``mmt/FOLDER`` lost its doubled slash hold ``mmt//home/me/model`` of what is now
called ``mmt/home/me/model``.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, func

from retrieval.store.schema import Space

__all__ = ["space_name"]


def space_name() -> ColumnElement[str]:
    """In place of ``Space.name`` wherever names are read or compared."""
    return func.replace(Space.name, "mmt//", "mmt/").label("name")
