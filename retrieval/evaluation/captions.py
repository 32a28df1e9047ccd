"""``captions.csv``: a header ``path,caption`` (optional ``start_seconds,end_seconds``), a row a caption."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import DatasetError
from retrieval.evaluation.tables import TableRow, read_table
from retrieval.types import Span

__all__ = ["CaptionedItem", "read_captions"]


@dataclass(frozen=True, slots=True)
class CaptionedItem:
    """A whole file (``span`` is None) or a part of a video, with its captions, of which there is at least one."""

    path: Path
    span: Span | None
    captions: tuple[str, ...]

    @property
    def label(self) -> str:
        """How a person is told of it."""
        return f"{self.path} [{self.span.start_seconds}, {self.span.end_seconds})" if self.span else str(self.path)


def read_captions(table: Path) -> list[CaptionedItem]:
    """The items of ``table`` in the order of their first rows; paths are relative to the table's folder.

    Raises:
        DatasetError: the file or one of its rows can't be used; the message names the line.
    """
    items: dict[tuple[Path, Span | None], list[str]] = {}
    for row in read_table(table, ("path", "caption"), ("start_seconds", "end_seconds")):
        items.setdefault((row.path(), _span(row)), []).append(row.text("caption"))
    if not items:
        raise DatasetError(f"{table} holds no captions; expected a row a caption below its header")
    return [CaptionedItem(path, span, tuple(captions)) for (path, span), captions in items.items()]


def _span(row: TableRow) -> Span | None:
    start, end = row.seconds("start_seconds"), row.seconds("end_seconds")
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise row.error("only one of start_seconds and end_seconds is given, expected both or neither")
    if start >= end:
        raise row.error(f"start_seconds is {start:g} and end_seconds is {end:g}, expected start before end")
    return Span(start, end)
