"""The taggers that there are, by name; the one place where their classes are chosen."""

from __future__ import annotations

from typing import Final

from retrieval.models.classifier_files import ClassifierKind, TrainedClassifier
from retrieval.spaces.registry import DEFAULT_SPACE, get_space
from retrieval.tagging.classifiers import find_classifier
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.tagging.photo import ALL_LABELS, PHOTO, PhotoTagger
from retrieval.tagging.pixels import OwnClassesTagger, PublishedTagger
from retrieval.tagging.tagger import Tagger
from retrieval.tagging.trained import TrainedTagger
from retrieval.tagging.zero_shot import ZeroShotTagger, read_labels_named

__all__ = ["DEFAULT_TAGGERS", "get_label_tagger", "get_tagger", "tagger_names"]

DEFAULT_TAGGERS: Final = (PHOTO, ImageNetTagger.name)
"""What `vidi tag` uses when nothing is asked for."""


def tagger_names() -> tuple[str, ...]:
    """The names of the taggers that come with vidi."""
    return (PHOTO, ALL_LABELS, ImageNetTagger.name)


def get_tagger(name: str) -> Tagger:
    """The tagger of this name: one that comes with vidi, the folder of a trained classifier, or published weights.

    Raises:
        ModelError: there is none, or it reads features that libraries don't have.
        WeightsError: weights are damaged, or can't be had.
    """
    match name:
        case "photo":
            return PhotoTagger()
        case "photo-all":
            return PhotoTagger(all_labels=True)
        case "imagenet":
            return ImageNetTagger()
    found = find_classifier(name, tagger_names())
    if not isinstance(found, TrainedClassifier):
        return PublishedTagger(found)
    return TrainedTagger(found) if found.kind is ClassifierKind.HEAD else OwnClassesTagger(found)


def get_label_tagger(labels: str, space: str | None = None) -> ZeroShotTagger:
    """The tagger for a file of labels (or for ``photo``, vidi's own vocabulary) by a space.

    Raises:
        DatasetError: the file can't be used.
        UnknownSpaceError: there is no such space.
    """
    name, read = read_labels_named(labels)
    return ZeroShotTagger(name, read, get_space(space or DEFAULT_SPACE))
