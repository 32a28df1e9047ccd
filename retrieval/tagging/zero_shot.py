"""Zero-shot tagging: the labels of a file, as texts of a space, compared with its vectors of pictures."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from retrieval.errors import DatasetError
from retrieval.paths import display_of
from retrieval.spaces.space import Space
from retrieval.store.tag_work import SpaceSource
from retrieval.tagging.label_file import LabelSet, read_label_file
from retrieval.tagging.photo_vocabulary import PHOTO_VOCABULARY
from retrieval.tagging.prompts import class_vectors
from retrieval.tagging.templates import TEMPLATES
from retrieval.types import Float32Array

__all__ = ["VOCABULARY", "ZERO_SHOT", "ZeroShotTagger", "read_labels_named"]

VOCABULARY: Final = "photo"
"""In the place of a label file: the vocabulary that comes with vidi, whole."""
ZERO_SHOT: Final = "labels"
"""What the name of a tagger by the labels of a file begins with; then come the file's name and the space's."""
_STEM_MOST: Final = 48
"""Letters of a file's name: a catalog keeps 128 of a tagger's, and the space's stands there, too."""
_EVEN: Final = 0.5
_LIBRARY: Final = 20_000
"""Items that a hit is said to be the best of."""
_LOGIC: Final = "2"


def read_labels_named(name: str) -> tuple[str, LabelSet]:
    """The labels of the file ``name``, or of vidi's own vocabulary, and what they are called in a tagger's name.

    Raises:
        DatasetError: the file can't be used.
    """
    if name == VOCABULARY and not Path(name).exists():
        return VOCABULARY, read_label_file(PHOTO_VOCABULARY)
    path = Path(name).expanduser()
    if path.is_dir():
        raise DatasetError(f"{name} is a folder; expected a file with a label a line")
    return display_of(os.fsencode(path.stem))[:_STEM_MOST], read_label_file(path)


class ZeroShotTagger:
    """A label's chance is the one that a search for it would show of a hit in a large library.

    Asked of one picture alone, nine of ten answers would be wrong: most labels fit no picture.
    """

    def __init__(self, name: str, labels: LabelSet, space: Space) -> None:
        self.name = f"{ZERO_SHOT}/{name}/{space.name}"
        self._set = labels
        self._space = space

    @cached_property
    def version(self) -> str:
        """A digest of the space and the labels."""
        parts = (self._space.version, self._set.digest, f"{self._space.fits_from:.4f}", _LOGIC)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def source(self) -> SpaceSource:
        """The vectors of its space."""
        return SpaceSource(self._space.name, self._space.version, self._space.dim)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """In the order of the file."""
        return tuple(label.name for label in self._set.labels)

    def chances(self, rows: Float32Array) -> Float32Array:
        """``[n, L]`` from vectors ``[n, d]`` of the space."""
        least = max(self._space.fits_from, _EVEN)
        scores = rows @ self._vectors.T
        chances = np.empty_like(scores)
        for column, vector in enumerate(self._vectors):
            chances[:, column] = self._space.chance(scores[:, column], vector, _LIBRARY)
        chances[~(chances >= least)] = 0
        return chances

    @cached_property
    def _vectors(self) -> Float32Array:
        wordings = [label.wordings for label in self._set.labels]
        return class_vectors(self._space, wordings, self._set.templates or TEMPLATES)
