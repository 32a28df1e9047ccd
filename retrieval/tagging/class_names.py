"""What people call the 1,000 classes of ImageNet: names from wide to narrow, in the order of the logits.

The table ships as data/imagenet_names.json; `python -m retrieval.tagging.write_names` makes it from WordNet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from retrieval.experts.appearance import imagenet_classes

__all__ = ["ClassName", "class_names"]


@dataclass(frozen=True, slots=True)
class ClassName:
    """One class. ``basic`` is the level at which people speak; ``name`` is it too, or one level down ("beagle")."""

    name: str
    basic: str
    wide: tuple[str, ...]
    """The widest first: shown where nothing narrower is sure."""
    group: str
    """Classes of one group are calibrated together."""
    hidden: bool
    """Never shown: see data/basic_names.txt."""
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
            int(entry.synset.removeprefix("n")),
        )
        for row, entry in zip(rows, imagenet_classes(), strict=True)
    )
