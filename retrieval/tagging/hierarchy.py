"""What lies above a tag: ``animal``, ``dog``, ``beagle``."""

from __future__ import annotations

from functools import cache

from retrieval.tagging.class_names import class_names
from retrieval.tagging.label_file import read_label_file
from retrieval.tagging.photo_vocabulary import PHOTO_VOCABULARY

__all__ = ["path_of"]


def path_of(label: str) -> tuple[str, ...]:
    """The names above ``label``, the widest first, and itself; only itself where vidi knows of nothing above."""
    return (*_above().get(label, ()), label)


@cache
def _above() -> dict[str, tuple[str, ...]]:
    """By the tree of ImageNet's names; of other labels of the photo vocabulary, their group."""
    found: dict[str, tuple[str, ...]] = {
        label.name: (label.group,) for label in read_label_file(PHOTO_VOCABULARY).labels
    }
    for entry in class_names():
        for place, name in enumerate(entry.path):
            if name not in found or entry.path[:place]:
                found[name] = entry.path[:place]
    return found
