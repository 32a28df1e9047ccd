"""Classifiers that a person names: a folder that `vidi train classifier` wrote, or published weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from retrieval.errors import ModelError
from retrieval.experts.appearance import Appearance
from retrieval.models.classifier_files import PictureInput, PixelClassifier, TrainedClassifier, read_classifier
from retrieval.tagging.class_names import all_names

if TYPE_CHECKING:
    from torch import nn

    from retrieval.models.published_classifier import PublishedClassifier

__all__ = ["ReadsPixels", "check_reads_appearance", "find_classifier", "names_of"]


class ReadsPixels(Protocol):
    """A classifier from pixels: trained here, or published."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def sha256(self) -> str:
        """Of the weights."""

    @property
    def picture_input(self) -> PictureInput | None:
        """How it reads pixels; None of a head, which reads none."""

    @property
    def temperature(self) -> float:
        """Its logits are divided by it."""

    def model(self) -> nn.Module:
        """From normalised pixels to logits."""

    def on_pixels(self, *, device: str = "cpu") -> PixelClassifier:
        """From pixels to calibrated logits."""


def find_classifier(name: str, known: Sequence[str] = ()) -> TrainedClassifier | PublishedClassifier:
    """The classifier in the folder ``name``, or of published weights (see ``open_published``).

    ``known`` are the names that the caller knows beside, for messages. A head imports no torch.

    Raises:
        ModelError: there is no such classifier.
        WeightsError: the folder is damaged or holds something else, or the weights can't be had.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return read_classifier(path)
    from retrieval.models.published_classifier import is_published, open_published  # these import torch

    if is_published(name):
        return open_published(name)
    if os.sep in name:  # a folder is meant; this says what is wrong with it
        return read_classifier(path)
    from retrieval.models.published import PUBLISHED

    near = get_close_matches(name.lower(), [*known, *PUBLISHED], n=1)
    hint = f"did you mean {near[0]}?" if near else "docs/picture_models.md lists the names"
    expected = ", ".join([*known, "a folder that `vidi train classifier` wrote"])
    raise ModelError(f"there is no classifier {name!r}: expected {expected}, or the name of published weights; {hint}")


def names_of(classifier: TrainedClassifier | PublishedClassifier) -> Sequence[Sequence[str]]:
    """For each class, in the order of the logits, all its names."""
    if isinstance(classifier, TrainedClassifier):
        return [(name,) for name in classifier.classes]
    return all_names()


def check_reads_appearance(name: str, expert: tuple[str, str] | None) -> None:
    """See that the head ``name``, which reads ``expert`` (name, version), fits the features that this vidi makes.

    Raises:
        ModelError: it doesn't.
    """
    if expert is None or expert[0] != Appearance.name:
        raise ModelError(
            f"{name} reads {expert[0] if expert else 'pixels'}, and a library keeps the features of "
            f"{Appearance.name}; train a head on them with `vidi train classifier`"
        )
    if expert[1] != Appearance.version:
        raise ModelError(
            f"{name} reads features of {Appearance.name} {expert[1]}, this vidi has {Appearance.version}; train it "
            f"again with `vidi train classifier`"
        )
