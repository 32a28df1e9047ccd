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
        self.covers = np.zeros((len(classes), len(self.names)), np.float32)
        details: dict[str, int] = {}
        owners: list[int] = []
        self.detail_covers: list[list[int]] = []
        for number, entry in enumerate(classes):
            if entry.hidden:
                continue
            self.covers[number, places[entry.basic]] = 1
            if entry.name not in places and entry.name not in details:
                details[entry.name] = len(details)
                owners.append(places[entry.basic])
                self.detail_covers.append([])
            if entry.name in details:
                self.detail_covers[details[entry.name]].append(number)
        self.details = tuple(details)
        self.owners = np.array(owners, np.intp)
        """The basic name above each detail, as its place in ``names``."""


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
        shares = class_shares(rows)
        table, slope, offset, threshold = self._table, *self._curves
        of_names = shares @ table.covers
        certain = 1 / (1 + np.exp(-(odds(of_names) * slope + offset)))
        chances = np.asarray(np.where(of_names >= LEAST_SHARE, certain, 0), np.float32)
        of_details = self._details(shares, of_names, chances)
        said = np.concatenate([chances, of_details], axis=1)
        return np.asarray(np.where(said >= threshold, said, 0), np.float32)

    def _details(self, shares: Float32Array, of_names: Float32Array, chances: Float32Array) -> Float32Array:
        """A detail is as sure as the name above it, times its own share of that."""
        table = self._table
        own = np.stack([shares[:, covered].sum(axis=1) for covered in table.detail_covers], axis=1)
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
    classes, chances = rows[:, :CLASSES_KEPT], rows[:, CLASSES_KEPT:]
    sound = (classes >= 0) & (classes < 1000) & (chances >= 0) & (chances <= 1.01)
    whole = np.asarray(sound.all(axis=1), np.bool_)
    shares = np.zeros((len(rows), 1000), np.float32)
    places: NDArray[np.intp] = np.where(whole[:, None], classes, 0).astype(np.intp)
    np.put_along_axis(shares, places, np.where(whole[:, None], chances, 0), axis=1)
    return shares


def odds(shares: Float32Array) -> Float32Array:
    """ln(p / (1 − p)), kept finite."""
    kept = np.clip(shares, 1e-4, 0.999)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def _data(name: str) -> bytes:
    return files("retrieval.tagging").joinpath("data", name).read_bytes()
