"""Words for things, and the classes of ImageNet-1k that each covers: what the heads learn of names.

The list ships as data/names.json, derived from WordNet 3.0 (see data/README.md) and open_clip's class names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.spaces.heads import CLASSES
from retrieval.types import Float32Array

__all__ = ["NAME_WORDINGS", "WORD_WORDINGS", "WordGroup", "WordList", "load_words"]

NAME_WORDINGS: Final = (
    "{}",
    "a {}",
    "a photo of a {}.",
    "a photo of the {}.",
    "a picture of a {}",
    "a close-up of a {}",
    "a blurry photo of a {}.",
    "a small {} outdoors",
)
WORD_WORDINGS: Final = NAME_WORDINGS[:3]


@dataclass(frozen=True, slots=True)
class WordList:
    """Words, each with the classes (0 to 999) that it covers."""

    words: tuple[str, ...]
    classes: tuple[tuple[int, ...], ...]

    def without(self, unseen: NDArray[np.bool_], names: frozenset[str]) -> WordList:
        """The list without the words ``names``, and without the classes ``unseen`` [1000]."""
        kept = [
            (word, tuple(c for c in classes if not unseen[c]))
            for word, classes in zip(self.words, self.classes, strict=True)
            if word.lower() not in names
        ]
        kept = [(word, classes) for word, classes in kept if classes]
        return WordList(tuple(word for word, _ in kept), tuple(classes for _, classes in kept))

    def encode(self, wordings: Sequence[str], encode: Callable[[list[str]], Float32Array]) -> WordGroup:
        """Each word in each of w wordings, as a sentence vector."""
        vectors = np.stack([encode([wording.format(word) for word in self.words]) for wording in wordings], axis=1)
        covers = np.zeros((len(self.words), CLASSES), np.bool_)
        for row, classes in enumerate(self.classes):
            covers[row, list(classes)] = True
        return WordGroup(vectors, covers)


@dataclass(frozen=True, slots=True)
class WordGroup:
    """k encoded words: vectors [k, w, 384] in w wordings; covers [k, 1000], which classes each word covers."""

    vectors: Float32Array
    covers: NDArray[np.bool_]

    def worded(self, rows: NDArray[np.int64], rng: np.random.Generator) -> Float32Array:
        """The words ``rows`` [n], each in one wording: [n, 384]."""
        return self.vectors[rows, rng.integers(self.vectors.shape[1], size=len(rows))]

    def fits(self, rows: NDArray[np.int64], chances: Float32Array) -> Float32Array:
        """How well the words ``rows`` [k] fit pictures of those class chances [n, 1000]: [n, k], 0 to 1."""
        return chances @ self.covers[rows].T.astype(np.float32)

    def rivals(self) -> Float32Array:
        """Each word once, by turns bare and with its article (the first two wordings): [k, 384]."""
        rows = np.arange(len(self.vectors))
        return np.asarray(self.vectors[rows, rows % 2], np.float32)

    def one_a_class(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """A row for each class that has a word, drawn evenly; a row that stands for two classes comes once."""
        draw = np.where(self.covers, rng.random(self.covers.shape, dtype=np.float32), -1)
        return np.unique(draw.argmax(axis=0)[self.covers.any(axis=0)])


def load_words(unseen: NDArray[np.bool_] | None = None) -> tuple[WordList, WordList]:
    """The names of the classes themselves, and wider or narrower words.

    Args:
        unseen: classes [1000] whose names, and whose part in any word, are left out.
    """
    text = resources.files("retrieval.training").joinpath("data/names.json").read_text("utf-8")
    names, words = (
        WordList(tuple(part), tuple(tuple(classes) for classes in part.values())) for part in json.loads(text)
    )
    if unseen is None:
        return names, words
    pairs = zip(names.words, names.classes, strict=True)
    hidden = frozenset(word.lower() for word, classes in pairs if unseen[list(classes)].any())
    return names.without(unseen, hidden), words.without(unseen, hidden)
