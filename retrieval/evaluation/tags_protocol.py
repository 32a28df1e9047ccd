"""`vidi eval tags --space S`: zero-shot classification, as CLIP does it. It touches no library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.evaluation.embedded_items import UnreadableItem, embed_items
from retrieval.evaluation.labels import read_labels
from retrieval.evaluation.metrics import rank_rows
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.tagging.prompts import class_vectors

__all__ = ["TagFigures", "evaluate_tags"]


@dataclass(frozen=True, slots=True)
class TagFigures:
    """What a space, or a classifier, does on a table of labels; in percent."""

    space: str | None
    items: int
    classes: int
    top1: float
    top5: float
    unmatched: tuple[str, ...]
    """Labels that no class bears. A space takes every label as a class, so there are none."""
    unreadable: tuple[UnreadableItem, ...]
    classifier: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As `vidi eval tags --json` prints it."""
        return {
            "space": self.space,
            "classifier": self.classifier,
            "items": self.items,
            "classes": self.classes,
            "top1": round(self.top1, 2),
            "top5": round(self.top5, 2),
            "unmatched": list(self.unmatched),
            "unreadable": [item.to_json() for item in self.unreadable],
        }


def evaluate_tags(table: Path, space: Space, *, settings: Settings | None = None) -> TagFigures:
    """Choose among the table's distinct labels, as written, for every item, and count how often one of its own wins.

    An item scores for a class as its best frame does. One that can't be used is listed, and counts as wrong.

    Raises:
        DatasetError: the table can't be read, or not one item can be used.
        WeightsError: the models' weights are absent or damaged.
    """
    items = read_labels(table)
    classes = sorted({label for item in items for label in item.labels})
    places = {label: place for place, label in enumerate(classes)}
    embedded = embed_items([(item.path, None) for item in items], space, settings or Settings(), table)
    scores = embedded.scores(class_vectors(space, classes)).T  # [items, classes]
    ranks = rank_rows([scores], [[places[label] for label in item.labels] for item in items])
    ranks[(scores == -np.inf).all(axis=1)] = np.inf
    return TagFigures(
        space=space.name,
        items=len(items),
        classes=len(classes),
        top1=100 * float((ranks <= 1).mean()),
        top5=100 * float((ranks <= 5).mean()),
        unmatched=(),
        unreadable=embedded.unreadable,
    )
