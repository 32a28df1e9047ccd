"""``labels.csv``: a header ``path,label``, a row a label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retrieval.errors import DatasetError
from retrieval.evaluation.tables import read_table

__all__ = ["LabelledItem", "read_labels"]


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """A file with its labels, of which there is at least one; any of them is right."""

    path: Path
    labels: tuple[str, ...]


def read_labels(table: Path) -> list[LabelledItem]:
    """The items of ``table`` in the order of their first rows; paths are relative to the table's folder.

    Raises:
        DatasetError: the file or one of its rows can't be used; the message names the line.
    """
    items: dict[Path, list[str]] = {}
    for row in read_table(table, ("path", "label")):
        labels, label = items.setdefault(row.path(), []), row.text("label")
        if label not in labels:
            labels.append(label)
    if not items:
        raise DatasetError(f"{table} holds no labels; expected a row a label below its header")
    return [LabelledItem(path, tuple(labels)) for path, labels in items.items()]
