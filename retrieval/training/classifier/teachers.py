"""Who may teach: any trained classifier in a folder, or the embedded EfficientNet under a head fitted for the purpose.

A teacher answers for the student's classes, whatever order it has them in.

Shapes: n pictures · s side in pixels · k the student's classes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from retrieval.errors import UsageError
from retrieval.experts.appearance import Appearance
from retrieval.models.classifier_files import HeadWeights, TrainedClassifier, read_classifier
from retrieval.training.classifier.augment import fitted
from retrieval.training.classifier.features import FeatureSet
from retrieval.training.classifier.head import train_linear_head
from retrieval.training.classifier.loop import Teacher
from retrieval.training.classifier.picture_set import PictureSet

__all__ = ["EMBEDDED_TEACHER", "embedded_teacher", "open_teacher"]

EMBEDDED_TEACHER: Final = "efficientnet-lite0"
_AT_ONCE: Final = 64


def open_teacher(name: str, classes: tuple[str, ...], device: torch.device) -> Teacher:
    """The classifier in the folder ``name``, which tells all of ``classes`` apart.

    Raises:
        UsageError: it doesn't know one of the classes.
        WeightsError: there is no trained classifier, or it is damaged.
    """
    found = read_classifier(Path(name))
    columns = _columns(found, classes)
    if found.head is not None:
        if found.features_expert != (Appearance.name, Appearance.version):
            raise UsageError(
                f"the teacher {name} reads features of {' '.join(found.features_expert or ())}, this vidi has "
                f"{Appearance.name} {Appearance.version}; train it again"
            )
        return _head_teacher(found.head, columns, found.temperature)
    return _model_teacher(found, columns, device)


def embedded_teacher(pictures: PictureSet, seed: int, say: Callable[[str], None]) -> Teacher:
    """The embedded tower, under a linear head that learns the training pictures first."""
    say("fitting a head on the embedded tower's features, which will teach")
    expert = Appearance()
    parts = [
        expert.encode(_squares(torch.from_numpy(pictures.pixels(start, start + _AT_ONCE)).permute(0, 3, 1, 2)))
        for start in range(0, len(pictures), _AT_ONCE)
    ]
    features = np.concatenate([part.features for part in parts])[:, None]
    head = train_linear_head(FeatureSet(features, pictures.labels, pictures.classes), seed=seed, say=say)
    return _head_teacher(head.weights, list(range(len(pictures.classes))), head.temperature, expert)


def _columns(found: TrainedClassifier, classes: tuple[str, ...]) -> list[int]:
    unknown = [name for name in classes if name not in found.classes]
    if unknown:
        raise UsageError(
            f"the teacher {found.folder} doesn't know {unknown[0]!r}"
            + (f" and {len(unknown) - 1} more of the classes" if len(unknown) > 1 else "")
            + "; a teacher tells the same classes apart: train one on these pictures"
        )
    return [found.classes.index(name) for name in classes]


def _head_teacher(
    head: HeadWeights, columns: list[int], temperature: float, appearance: Appearance | None = None
) -> Teacher:
    expert = appearance or Appearance()

    def answer(pixels: Tensor) -> Tensor:
        logits = head.logits(expert.encode(_squares(pixels)).features)[:, columns]
        return torch.from_numpy(logits / np.float32(temperature))

    return answer


def _model_teacher(found: TrainedClassifier, columns: list[int], device: torch.device) -> Teacher:
    assert found.picture_input is not None
    model, picture_input = found.model().to(device), found.picture_input

    def answer(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(picture_input.normalise(fitted(pixels, picture_input.size)))
        return logits[:, columns] / found.temperature

    return answer


def _squares(pixels: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """``pixels`` [n, 3, s, s] as the appearance expert takes them: [n, 224, 224, 3] uint8."""
    seen = fitted(pixels, Appearance.picture_size).permute(0, 2, 3, 1) * 255
    squares: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = seen.round().to(torch.uint8).cpu().numpy()
    return np.ascontiguousarray(squares)
