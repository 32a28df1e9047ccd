"""`vidi eval tags --classifier C`: how often a classifier's likeliest classes bear an item's label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from retrieval.errors import ModelError
from retrieval.evaluation.embedded_items import embed_items
from retrieval.evaluation.labels import read_labels
from retrieval.evaluation.metrics import rank_rows
from retrieval.evaluation.tags_protocol import TagFigures
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.tagging.class_names import all_names
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.types import Float32Array

__all__ = ["ClassNamesOf", "evaluate_classifier"]

ClassNamesOf = Sequence[Sequence[str]]
"""For each class, in the order of the logits, all its names."""


@dataclass(frozen=True, slots=True, eq=False)
class _Logits:
    """A classifier in the place of a space: a frame's vector is its chances ``[classes]``."""

    chances: Callable[[Float32Array, Float32Array], Float32Array]
    needs: tuple[str, ...] = ("appearance",)

    def embed_segments(self, features: Float32Array, logits: Float32Array) -> Float32Array:
        return self.chances(features, logits)


def evaluate_classifier(table: Path, classifier: str, *, settings: Settings | None = None) -> TagFigures:
    """Rank all the classifier's classes for every item; a label is right where it is a name of a class.

    Names are compared in lower case, with spaces for ``_`` and ``-``; a label of several classes accepts any of them.
    An item scores for a class as its best frame does. One that can't be used, or has no label that a class bears, is
    wrong.

    Raises:
        DatasetError: the table can't be read, or not one item can be used.
        ModelError: there is no such classifier.
        WeightsError: the weights are absent or damaged.
    """
    items = read_labels(table)
    names, chances = _classifier(classifier)
    places: dict[str, set[int]] = {}
    for place, own in enumerate(names):
        for name in own:
            places.setdefault(_plain(name), set()).add(place)
    wanted = [sorted({place for label in item.labels for place in places.get(_plain(label), ())}) for item in items]
    unmatched = sorted({label for item in items for label in item.labels if _plain(label) not in places})
    view = cast(Space, _Logits(chances))
    embedded = embed_items([(item.path, None) for item in items], view, settings or Settings(), table)
    scores = embedded.scores(np.eye(len(names), dtype=np.float32)).T  # [items, classes]
    matched = [row for row, own in enumerate(wanted) if own and (scores[row] > -np.inf).any()]
    ranks = np.full(len(items), np.inf)
    if matched:
        ranks[matched] = rank_rows([scores[matched]], [wanted[row] for row in matched])
    return TagFigures(
        space=None,
        items=len(items),
        classes=len(names),
        top1=100 * float((ranks <= 1).mean()),
        top5=100 * float((ranks <= 5).mean()),
        unmatched=tuple(unmatched),
        unreadable=embedded.unreadable,
        classifier=classifier,
    )


def _classifier(name: str) -> tuple[ClassNamesOf, Callable[[Float32Array, Float32Array], Float32Array]]:
    """The names of its classes, and its chances from features and logits of the embedded tower."""
    if name == ImageNetTagger.name:
        return all_names(), lambda features, logits: logits
    raise ModelError(f"there is no classifier {name!r} to measure: expected {ImageNetTagger.name}")


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
