"""Why a classifier calls a picture by one of its classes: heat for its tags.

Shapes: n pictures · h, w places of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import QueryError
from retrieval.experts.appearance import Appearance, imagenet_classes
from retrieval.models.classifier_files import ClassifierKind, TrainedClassifier
from retrieval.models.feature_map import load_feature_maps
from retrieval.search.heat import class_activation
from retrieval.tagging.class_names import class_names
from retrieval.tagging.classifiers import ReadsPixels, check_reads_appearance, find_classifier, names_of
from retrieval.tagging.photo import ALL_LABELS, PHOTO, PhotoTagger
from retrieval.types import Float32Array, PictureForm

__all__ = ["CLASSIFIER", "AskedHead", "AskedModel", "ask_classifier", "classes_called", "imagenet_question"]

CLASSIFIER = "imagenet"
"""The source of an explanation of the embedded classifier's tag."""

_SHOWN = 5

Pixels = NDArray[np.uint8]


def classes_called(name: str) -> tuple[int, ...]:
    """The classes of the embedded classifier that have this name, in any case; none where it is no tag of it."""
    wanted = name.strip().lower().replace("_", " ")
    return tuple(
        index for index, entry in enumerate(imagenet_classes()) if wanted in {one.lower() for one in entry.names}
    )


def imagenet_question(classes: Sequence[int]) -> AskedHead:
    """What the embedded classifier says of ``classes`` together."""
    return AskedHead(CLASSIFIER, Appearance().classify, classes)


def ask_classifier(label: str, classifier: str) -> AskedHead | AskedModel:
    """The question for ``label`` to a classifier: ``imagenet``, ``photo``, ``photo-all``, or what ``find_classifier``
    finds.

    Of ImageNet's classes a label may be any name, or one above them that people use: "dog" means all dogs.

    Raises:
        ModelError: there is no such classifier, or it reads features of another version.
        QueryError: it has no such class; the message names the nearest.
        WeightsError: its weights are absent or damaged.
    """
    if classifier == CLASSIFIER:
        return imagenet_question(_chosen(label, _imagenet_names(), CLASSIFIER))
    if classifier in (PHOTO, ALL_LABELS):
        return _photo_question(label, PhotoTagger(all_labels=classifier == ALL_LABELS))
    found = find_classifier(classifier, (PHOTO, ALL_LABELS, CLASSIFIER))
    if not isinstance(found, TrainedClassifier):
        return AskedModel(found, _chosen(label, _imagenet_names(), found.name))
    classes = _chosen(label, names_of(found), found.name)
    if found.kind is ClassifierKind.MODEL:
        return AskedModel(found, classes)
    check_reads_appearance(found.name, found.features_expert)
    return AskedHead(found.name, found.logits, classes)


def _photo_question(label: str, tagger: PhotoTagger) -> AskedHead:
    """Each label is judged by itself: it, or not it."""
    (place,) = _chosen(label, [(name,) for name in tagger.labels], tagger.name)

    def logits(features: NDArray[np.floating[Any]]) -> Float32Array:
        for_it = tagger.logits(np.asarray(features, np.float32))[:, place]
        return np.stack([for_it, np.zeros_like(for_it)], axis=1)

    return AskedHead(tagger.name, logits, [0])


def _imagenet_names() -> list[tuple[str, ...]]:
    return [(*own.names, *named.path) for own, named in zip(imagenet_classes(), class_names(), strict=True)]


def _chosen(label: str, names: Sequence[Sequence[str]], source: str) -> list[int]:
    wanted = _plain(label)
    found = [index for index, own in enumerate(names) if wanted in map(_plain, own)]
    if found:
        return found
    known = {_plain(name): name for own in names for name in own}
    near = get_close_matches(wanted, known, n=3)
    if near:
        hint = f"did you mean {' or '.join(known[each] for each in near)}?"
    else:
        first = list(known.values())[:_SHOWN]
        hint = f"it knows {', '.join(first)}" + (f" and {len(known) - _SHOWN:,} more" if len(known) > _SHOWN else "")
    raise QueryError(f"{source} has no class {label!r}; {hint}")


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


class AskedHead:
    """The probability of some classes together, by a head on the appearance expert's features; the heat is of the
    logarithm of their odds among all."""

    form: PictureForm | None = None

    def __init__(
        self, source: str, logits: Callable[[NDArray[np.floating[Any]]], Float32Array], classes: Sequence[int]
    ):
        """``logits``: from features ``[n, 1280]`` to ``[n, classes]``."""
        self.source = source
        self._logits = logits
        self._classes = list(classes)
        self._appearance = Appearance()

    def scores(self, pixels: Pixels) -> Float32Array:
        """[n] of pictures [n, 224, 224, 3]."""
        return np.exp(self._log_chance(self._appearance.encode(pixels).features))

    def heat(self, pixels: Pixels) -> Float32Array:
        """[7, 7] of a picture [224, 224, 3]."""
        (feature_map,) = load_feature_maps()(pixels[None])
        return class_activation(feature_map, self._log_chance)

    def _log_chance(self, features: Float32Array) -> Float32Array:
        return _log_chance(self._logits(features), self._classes)


class AskedModel:
    """The probability of some classes together, by one of the papers' transformers from pixels; the heat is that of its
    attention for them."""

    def __init__(self, classifier: ReadsPixels, classes: Sequence[int]) -> None:
        """Loads the model."""
        from retrieval.models.classifier_files import PixelClassifier

        if classifier.picture_input is None:
            raise ValueError(f"{classifier.name} reads features, not pixels")
        self.source = classifier.name
        self.form: PictureForm | None = PictureForm(classifier.picture_input.size, classifier.picture_input.size)
        self._classes = list(classes)
        self._input = classifier.picture_input
        self._model = classifier.model()
        self._on_pixels = PixelClassifier(self._model, self._input, classifier.temperature, "cpu")

    def scores(self, pixels: Pixels) -> Float32Array:
        """[n] of pictures [n, height, width, 3]."""
        return np.exp(_log_chance(self._on_pixels(pixels), self._classes))

    def heat(self, pixels: Pixels) -> Float32Array:
        """[h, w] of a picture [height, width, 3] of the model's own size: a place for each of its last patches."""
        import torch

        from retrieval.models.rollout import ReadsAttention, class_heat

        seen = self._input.normalise(torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 255)
        return class_heat(cast(ReadsAttention, self._model), seen[0], self._classes)


def _log_chance(logits: Float32Array, classes: list[int]) -> Float32Array:
    return _log_sum(logits[:, classes]) - _log_sum(logits)


def _log_sum(logits: Float32Array) -> Float32Array:
    most = logits.max(axis=1)
    return np.asarray(most + np.log(np.exp(logits - most[:, None]).sum(axis=1)), np.float32)
