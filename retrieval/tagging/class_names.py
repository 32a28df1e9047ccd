"""What people call the 1,000 classes of ImageNet: names from wide to narrow, in the order of the logits.

The table ships as data/imagenet_names.json; `python -m retrieval.tagging.write_names` makes it from WordNet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from retrieval.experts.appearance import imagenet_classes

__all__ = ["ClassName", "all_names", "class_names"]


@dataclass(frozen=True, slots=True)
class ClassName:
    """One class. ``basic`` is the level at which people speak; ``name`` is it too, or one level down ("beagle")."""

    name: str
    basic: str
    wide: tuple[str, ...]
    """What lies above the basic name, the widest first; never a tag by itself."""
    group: str
    """Classes of one group are calibrated together."""
    hidden: bool
    """Never shown: see data/basic_names.txt."""
    title: str
    """As open_clip has it."""
    synset: int
    """WordNet 3.0's offset of the class."""

    @property
    def path(self) -> tuple[str, ...]:
        """Every name of the class, the widest first, each once."""
        return tuple(dict.fromkeys((*self.wide, self.basic, self.name)))


@cache
def class_names() -> tuple[ClassName, ...]:
    """The 1,000 classes in the order of the logits."""
    rows = json.loads(files("retrieval.tagging").joinpath("data", "imagenet_names.json").read_text("utf-8"))
    return tuple(
        ClassName(
            row["name"],
            row["basic"],
            tuple(row["wide"]),
            row["group"],
            row["hidden"],
            row["title"],
            int(entry.synset.removeprefix("n")),
        )
        for row, entry in zip(rows, imagenet_classes(), strict=True)
    )


def all_names() -> list[tuple[str, ...]]:
    """Every name of each class: the words of its synset, and open_clip's name."""
    return [
        tuple(dict.fromkeys((*entry.names, named.title)))
        for entry, named in zip(imagenet_classes(), class_names(), strict=True)
    ]
