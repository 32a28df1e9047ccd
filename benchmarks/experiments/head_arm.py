"""A head on the embedded tower's features, as `vidi train classifier` trains it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from retrieval.settings import Settings
from retrieval.training.classifier.features import FeatureSet, read_features
from retrieval.training.classifier.head import train_linear_head
from retrieval.training.classifier.labelled_pictures import LabelledPictures

__all__ = ["head_accuracy", "read_once"]

_READ: Final[dict[tuple[Path, ...], FeatureSet]] = {}


def read_once(pictures: LabelledPictures) -> FeatureSet:
    """The features of ``pictures`` as they are and mirrored; read once in a process."""
    if pictures.paths not in _READ:
        _READ[pictures.paths], _ = read_features(pictures, Settings(), print)
    return _READ[pictures.paths]


def head_accuracy(known: FeatureSet, unseen: FeatureSet, seed: int) -> float:
    """Share of ``unseen`` told right, in percent, by a head that learned ``known``."""
    head = train_linear_head(known, seed=seed, say=print)
    return 100 * float(np.mean(head.weights.logits(unseen.plain).argmax(axis=1) == unseen.labels))
