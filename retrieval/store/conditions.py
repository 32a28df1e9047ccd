"""Conditions on rows of the catalog that several readers ask for."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, or_

from retrieval.store.schema import File

__all__ = ["under"]


def under(root: bytes) -> ColumnElement[bool]:
    """Files at ``root`` or below it: a range over the unique index, since bytes sort as they compare."""
    folder = root.rstrip(b"/") + b"/"
    return or_(File.path == root, and_(File.path >= folder, File.path < folder[:-1] + b"0"))
