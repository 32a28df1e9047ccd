"""Conditions on rows of the catalog that several readers ask for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from retrieval.store.schema import File

__all__ = ["at_or_below", "under"]


def under(root: bytes) -> ColumnElement[bool]:
    """Files at ``root`` or below it: a range over the unique index, since bytes sort as they compare."""
    return at_or_below(File.path, root)


def at_or_below(path: Any, place: bytes) -> ColumnElement[bool]:
    """The column ``path`` holds ``place`` itself or something below it."""
    folder = place.rstrip(b"/") + b"/"
    return or_(path == place, and_(path >= folder, path < folder[:-1] + b"0"))
