"""Filters as a person writes them, turned into what the catalog understands."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import datetime

from retrieval.errors import QueryError
from retrieval.store.file_filter import FileFilter, file_filter
from retrieval.types import MediaKind

__all__ = ["make_filter", "parse_time"]

_YEAR_OR_MONTH = re.compile(r"\d{4}(-\d{2})?")


def make_filter(
    kind: str | None = None,
    under: str | os.PathLike[str] | None = None,
    after: str | datetime | None = None,
    before: str | datetime | None = None,
    tags: Sequence[str] = (),
) -> FileFilter:
    """The filter that these words mean; ``after <= time < before``.

    Raises:
        QueryError: a kind that there is not, a time that can't be read, or a range that holds nothing.
    """
    start, end = parse_time(after, "after"), parse_time(before, "before")
    if start is not None and end is not None and start >= end:
        raise QueryError(f"nothing lies after {after} and before {before}; give an earlier time to `after`")
    return file_filter(_parse_kind(kind), _parse_folder(under), start, end, tuple(tags))


def _parse_kind(kind: str | None) -> MediaKind | None:
    try:
        return None if kind is None else MediaKind(kind)
    except ValueError as error:
        raise QueryError(f"there is no kind {kind!r}; expected {', '.join(MediaKind)}") from error


def _parse_folder(under: str | os.PathLike[str] | None) -> bytes | None:
    if under is None:
        return None
    if not os.fspath(under):
        raise QueryError("`under` is empty; expected a folder, such as ~/Pictures")
    # As the indexer writes paths: absolute, but with links left as they are.
    return os.fsencode(os.path.abspath(os.path.expanduser(under)))


def parse_time(value: str | datetime | None, name: str) -> datetime | None:
    """The beginning of the year, month, day or instant that ``value`` names, in local time without a zone.

    Raises:
        QueryError: it is no time.
    """
    if value is None:
        return None
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(_completed(value.strip()))
        time.timestamp()  # a year that the system's clock can't express fails here, with a plain message
        return time.astimezone().replace(tzinfo=None) if time.tzinfo else time
    except (ValueError, OverflowError, OSError) as error:
        raise QueryError(
            f"{name} {value!r} is no time; expected 2024, 2024-06, 2024-06-01 or 2024-06-01T18:30"
        ) from error


def _completed(text: str) -> str:
    return text + "-01-01"[len(text) - 4 :] if _YEAR_OR_MONTH.fullmatch(text) else text
