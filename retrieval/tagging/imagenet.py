"""The embedded classifier as a tagger: EfficientNet-Lite0's 1,000 classes, called what people call them.

It reads what indexing kept of each frame, the ten likeliest classes and their probabilities. The probabilities of
classes are summed up the tree of names, so that "dog" is sure where the breed is not; the chance that a name is right
was fitted on captioned photographs (retrieval/training/photo_tags.py). Classes that people in photographs are mistaken
for are never shown.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.appearance import CLASSES_EXPERT, Appearance
from retrieval.models.efficientnet_lite import LITE0_WEIGHTS
from retrieval.store.tag_work import TrackSource
from retrieval.tagging.class_names import ClassName, class_names
from retrieval.types import Float32Array

__all__ = ["CLASSES_KEPT", "LEAST_SHARE", "ImageNetTagger", "NameTable", "class_shares", "odds"]

CLASSES_KEPT: Final = 10
"""Classes of each frame that a track keeps."""
LEAST_SHARE: Final = 0.02
"""A name with less probability than this is not considered."""
_SURE: Final = 0.999  # a detail is never as sure as what lies above it
_LOGIC: Final = "1"  # raised when what follows from the data changes


class NameTable:
    """The names that are shown, and which classes each covers.

    ``names`` are basic names, calibrated each; ``details`` are class names one level below a basic one. Wide names are
    no tags: of 43 photographs that were called "animal" and nothing narrower, 3 had a caption that said so.
    """

    def __init__(self, classes: tuple[ClassName, ...]) -> None:
        shown = [entry for entry in classes if not entry.hidden]
        self.names = tuple(sorted({entry.basic for entry in shown}))
        self.groups = {entry.basic: entry.group for entry in reversed(shown)}
        places = {name: place for place, name in enumerate(self.names)}
        self.name_of = np.full(len(classes), -1, np.intp)
        """The place in ``names`` of each class; -1 of one that is hidden."""
        self.detail_of = np.full(len(classes), -1, np.intp)
        """The place in ``details`` of each class that has a name of its own; -1 of others."""
        details: dict[str, int] = {}
        owners: list[int] = []
        for number, entry in enumerate(classes):
            if entry.hidden:
                continue
            self.name_of[number] = places[entry.basic]
            if entry.name not in places and entry.name not in details:
                details[entry.name] = len(details)
                owners.append(places[entry.basic])
            self.detail_of[number] = details.get(entry.name, -1)
        self.details = tuple(details)
        self.owners = np.array(owners, np.intp)
        """The basic name above each detail, as its place in ``names``."""

    @cached_property
    def covers(self) -> Float32Array:
        """``[classes, names]``: 1 where a name covers a class."""
        return np.asarray(self.name_of[:, None] == np.arange(len(self.names)), np.float32)


class ImageNetTagger:
    """Names with their calibrated chance, from the kept class tracks."""

    name: Final = "imagenet"
    source: Final = TrackSource(CLASSES_EXPERT, 2 * CLASSES_KEPT, Appearance.version)

    @cached_property
    def version(self) -> str:
        """A digest of the weights, the names and the calibration."""
        parts = [LITE0_WEIGHTS.sha256.encode(), _LOGIC.encode()]
        parts += [_data(name) for name in ("imagenet_names.json", "imagenet_chances.json")]
        return hashlib.sha256(b"\n".join(parts)).hexdigest()[:12]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names first, then details."""
        return self._table.names + self._table.details

    def chances(self, rows: Float32Array) -> Float32Array:
        """``[n, L]`` from rows ``[n, 20]`` of class tracks. A row that is damaged says nothing."""
        table, slope, offset, threshold = self._table, *self._curves
        classes, kept = _sound(rows)
        of_names = _summed(kept, table.name_of[classes], len(table.names))
        certain = 1 / (1 + np.exp(-(odds(of_names) * slope + offset)))
        chances = np.asarray(np.where(of_names >= LEAST_SHARE, certain, 0), np.float32)
        own = _summed(kept, table.detail_of[classes], len(table.details))
        of_details = self._details(own, of_names, chances)
        said = np.concatenate([chances, of_details], axis=1)
        return np.asarray(np.where(said >= threshold, said, 0), np.float32)

    def _details(self, own: Float32Array, of_names: Float32Array, chances: Float32Array) -> Float32Array:
        """A detail is as sure as the name above it, times its own share of that."""
        table = self._table
        above = np.maximum(of_names[:, table.owners], np.finfo(np.float32).tiny)
        return np.asarray(chances[:, table.owners] * np.minimum(own / above, _SURE), np.float32)

    @cached_property
    def _table(self) -> NameTable:
        return NameTable(class_names())

    @cached_property
    def _curves(self) -> tuple[Float32Array, Float32Array, float]:
        chances = json.loads(_data("imagenet_chances.json"))
        curves = np.array([chances["names"][name] for name in self._table.names], np.float32)
        return curves[:, 0], curves[:, 1], float(chances["threshold"])


def class_shares(rows: Float32Array) -> Float32Array:
    """Probabilities ``[n, 1000]`` from rows ``[n, 20]`` of class tracks; all 0 where a row is damaged."""
    classes, chances = _sound(rows)
    shares = np.zeros((len(rows), 1000), np.float32)
    np.put_along_axis(shares, classes, chances, axis=1)
    return shares


def _sound(rows: Float32Array) -> tuple[NDArray[np.intp], Float32Array]:
    """Classes and their probabilities, both ``[n, 10]``; the probabilities of a damaged row are 0."""
    classes, chances = rows[:, :CLASSES_KEPT], rows[:, CLASSES_KEPT:]
    sound = (classes >= 0) & (classes < 1000) & (chances >= 0) & (chances <= 1.01)
    whole = np.asarray(sound.all(axis=1), np.bool_)[:, None]
    return np.where(whole, classes, 0).astype(np.intp), np.where(whole, chances, 0).astype(np.float32)


def _summed(chances: Float32Array, places: NDArray[np.intp], count: int) -> Float32Array:
    """``[n, count]``: the chances ``[n, 10]`` added up at their ``places``; those at -1 are nowhere.

    Ten classes of a thousand are kept: this costs a hundredth of a product with the whole table.
    """
    sums = np.zeros((len(chances), count + 1), np.float32)
    np.add.at(sums, (np.arange(len(chances))[:, None], places), chances)
    return sums[:, :count]


def odds(shares: Float32Array) -> Float32Array:
    """ln(p / (1 − p)), kept finite."""
    kept = np.clip(shares, 1e-4, 0.999)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def _data(name: str) -> bytes:
    return files("retrieval.tagging").joinpath("data", name).read_bytes()
