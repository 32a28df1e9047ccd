"""`vidi eval tags --space S`: zero-shot classification, as CLIP does it. It touches no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from retrieval.evaluation.embedded_items import UnreadableItem, embed_items
from retrieval.evaluation.labels import read_labels
from retrieval.evaluation.metrics import rank_rows
from retrieval.evaluation.templates import TEMPLATES
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.types import Float32Array

__all__ = ["TagFigures", "class_vectors", "evaluate_tags"]

_LABELS_PER_BATCH = 8


@dataclass(frozen=True, slots=True)
class TagFigures:
    """What a space, or a classifier, does on a table of labels; in percent."""

    space: str
    items: int
    classes: int
    top1: float
    top5: float
    unmatched: tuple[str, ...]
    """Labels that no class bears. A space takes every label as a class, so there are none."""
    unreadable: tuple[UnreadableItem, ...]

    def to_json(self) -> dict[str, Any]:
        """As `vidi eval tags --json` prints it."""
        return {
            "space": self.space,
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


def class_vectors(space: Space, labels: Sequence[str]) -> Float32Array:
    """``[labels, d]``: for each label the mean of its prompts' vectors, each of length 1, brought to length 1 again."""
    parts = []
    for start in range(0, len(labels), _LABELS_PER_BATCH):
        batch = labels[start : start + _LABELS_PER_BATCH]
        prompts = space.embed_text([template.format(label) for label in batch for template in TEMPLATES])
        parts.append(_unit(_unit(prompts).reshape(len(batch), len(TEMPLATES), -1).mean(axis=1)))
    return np.concatenate(parts)


def _unit(vectors: Float32Array) -> Float32Array:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)
