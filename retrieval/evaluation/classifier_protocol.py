"""`vidi eval tags --classifier C`: how often a classifier's likeliest classes bear an item's label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DatasetError
from retrieval.evaluation.embedded_items import embed_items
from retrieval.evaluation.labels import read_labels
from retrieval.evaluation.metrics import rank_rows
from retrieval.evaluation.tags_protocol import TagFigures
from retrieval.experts.appearance import LOGITS_ROWS, Appearance
from retrieval.experts.expert import Rows
from retrieval.models.classifier_files import ClassifierKind, TrainedClassifier
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.tagging.class_names import all_names
from retrieval.tagging.classifiers import check_reads_appearance, find_classifier, names_of
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.tagging.pixels import PixelLogits
from retrieval.types import Float32Array, PictureForm

__all__ = ["ClassNamesOf", "evaluate_classifier"]

_SHOWN: Final = 3

ClassNamesOf = Sequence[Sequence[str]]
"""For each class, in the order of the logits, all its names."""


@dataclass(frozen=True, slots=True, eq=False)
class _OfFeatures:
    """A classifier in the place of a space: a frame's vector is its logits ``[classes]``."""

    logits: Callable[[Rows], Float32Array]
    needs: tuple[str, ...] = (Appearance.name,)

    def embed_segments(self, rows: Rows) -> Float32Array:
        return self.logits(rows)


class _OfPixels:
    """A classifier from pixels in the place of a space, and of the expert that this brings."""

    name = version = "pixels"
    needs = (LOGITS_ROWS,)

    def __init__(self, logits: PixelLogits) -> None:
        self._logits = logits
        self.load = logits.load

    @property
    def form(self) -> PictureForm:
        return self._logits.form

    def frame_expert(self) -> _OfPixels:
        return self

    def encode(self, pixels: NDArray[np.uint8]) -> _PixelOutput:
        return _PixelOutput({LOGITS_ROWS: self._logits(pixels)})

    def embed_segments(self, rows: Rows) -> Float32Array:
        return rows[LOGITS_ROWS]


@dataclass(frozen=True, slots=True, eq=False)
class _PixelOutput:
    rows: Rows


def evaluate_classifier(table: Path, classifier: str, *, settings: Settings | None = None) -> TagFigures:
    """Rank all the classifier's classes for every item; a label is right where it is a name of a class.

    Names are compared in lower case, with spaces for ``_`` and ``-``; a label of several classes accepts any of them.
    An item scores for a class as its best frame does. One that can't be used, or has no label that a class bears, is
    wrong. ``classifier`` is ``imagenet``, or what :func:`~retrieval.tagging.classifiers.find_classifier` finds.

    Raises:
        DatasetError: the table can't be read, not one item can be used, or no label is the name of a class.
        ModelError: there is no such classifier, or it reads features of another version.
        WeightsError: the weights are absent or damaged.
    """
    items = read_labels(table)
    names, view = _opened(classifier)
    places: dict[str, set[int]] = {}
    for place, own in enumerate(names):
        for name in own:
            places.setdefault(_plain(name), set()).add(place)
    wanted = [sorted({place for label in item.labels for place in places.get(_plain(label), ())}) for item in items]
    if not any(wanted):
        shown = ", ".join(repr(names[place][0]) for place in range(min(_SHOWN, len(names))))
        raise DatasetError(f"{table}: no label is the name of a class of {classifier}; expected names such as {shown}")
    unmatched = sorted({label for item in items for label in item.labels if _plain(label) not in places})
    embedded = embed_items([(item.path, None) for item in items], cast(Space, view), settings or Settings(), table)
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


def _opened(name: str) -> tuple[ClassNamesOf, _OfFeatures | _OfPixels]:
    """The names of its classes, and itself."""
    if name == ImageNetTagger.name:
        return all_names(), _OfFeatures(lambda rows: rows[LOGITS_ROWS])
    found = find_classifier(name, (ImageNetTagger.name,))
    if isinstance(found, TrainedClassifier) and found.kind is ClassifierKind.HEAD:
        check_reads_appearance(name, found.features_expert)
        head = found.logits
        return names_of(found), _OfFeatures(lambda rows: head(rows[Appearance.name]))
    return names_of(found), _OfPixels(PixelLogits(found))


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
