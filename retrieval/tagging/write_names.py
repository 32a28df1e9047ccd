"""Writes data/imagenet_names.json: python -m retrieval.tagging.write_names FOLDER, the folder of WordNet's files.

For each of the 1,000 classes its names from wide to narrow, found by WordNet's hypernyms among the names that people
use (data/basic_names.txt); the class's own name is that of open_clip.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from retrieval.errors import DatasetError
from retrieval.experts.appearance import imagenet_classes
from retrieval.tagging.wordnet import WordNet

__all__ = ["write_names"]

_DATA: Final = Path(__file__).parent / "data"
_KINDS: Final = ("group", "wide", "basic", "own", "hidden")
_SYNSET: Final = re.compile(r"n\d{8}")
_WORD: Final = re.compile(r"(?P<name>[^()]*)(?:\((?P<word>[^()]+)\))?")


@dataclass(slots=True)
class _Chosen:
    """What data/basic_names.txt says, resolved: kinds of name by the offset of the synset that they stand for."""

    groups: dict[int, str] = field(default_factory=dict)
    wide: dict[int, str] = field(default_factory=dict)
    basic: dict[int, str] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    own: set[str] = field(default_factory=set)


def write_names(folder: Path, target: Path = _DATA / "imagenet_names.json") -> list[str]:
    """Write the table; returns the words of the list that no class lies below.

    Raises:
        DatasetError: WordNet's files can't be read.
    """
    net = WordNet(folder)
    offsets = [int(entry.synset[1:]) for entry in imagenet_classes()]
    chosen, unused = _read_list(net, offsets)
    rows = [
        _row(net, offset, _own_name(name), chosen) | {"title": name}
        for offset, name in zip(offsets, _class_names(), strict=True)
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    target.write_text(f"[\n{lines}\n]\n", "utf-8")
    return unused


def _class_names() -> list[str]:
    from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES  # heavy, and nothing else here needs it

    return list(IMAGENET_CLASSNAMES)


def _own_name(name: str) -> str:
    """A class's name without what stands in brackets and without its second form."""
    return re.sub(r"\s*\(.*?\)", "", name).split(" / ")[0].split(" or ")[0].strip()


def _read_list(net: WordNet, offsets: list[int]) -> tuple[_Chosen, list[str]]:
    covered: defaultdict[int, int] = defaultdict(int)
    for offset in offsets:
        for above in net.above(offset):
            covered[above] += 1
    chosen, unused = _Chosen(), []
    for line in (_DATA / "basic_names.txt").read_text("utf-8").splitlines():
        kind, _, words = line.partition(" ")
        if kind not in _KINDS:
            continue
        first = ""
        for entry in words.split(", "):
            name, word = _parts(entry)
            first = first or name
            if kind == "own":
                chosen.own.add(name)
                continue
            known = [int(word[1:])] if _SYNSET.fullmatch(word) else net.senses(word)
            senses = [sense for sense in known if covered[sense]]
            if not senses:
                unused.append(entry)
                continue
            sense = max(senses, key=lambda sense: covered[sense])
            match kind:
                case "group":
                    chosen.groups |= dict.fromkeys(senses, first)
                case "hidden":
                    chosen.hidden.update(senses)
                case "wide":
                    chosen.wide |= dict.fromkeys(senses, name)
                case _:
                    chosen.basic[sense] = name
    return chosen, unused


def _parts(entry: str) -> tuple[str, str]:
    match = _WORD.fullmatch(entry.strip())
    if match is None:
        raise DatasetError(f"data/basic_names.txt: {entry!r} is no name, expected `name` or `name (word)`")
    name = match["name"].strip()
    return name, match["word"] or name


def _row(net: WordNet, offset: int, own: str, chosen: _Chosen) -> dict[str, object]:
    above = net.above(offset)
    group = next((chosen.groups[place] for place in above if place in chosen.groups), "things")
    hidden = any(place in chosen.hidden for place in above)
    wide = list(dict.fromkeys(chosen.wide[place] for place in reversed(above) if place in chosen.wide))
    basic = next((chosen.basic[place] for place in above if place in chosen.basic), None)
    if own in chosen.own:
        wide, basic = [], own
    return {"name": own, "basic": basic or own, "wide": wide, "group": group, "hidden": hidden}


def main() -> None:
    """Write the table, and tell which words of the list are of no use."""
    if len(sys.argv) != 2:
        sys.exit(
            "usage: python -m retrieval.tagging.write_names FOLDER (of WordNet's files, such as /usr/share/wordnet)"
        )
    unused = write_names(Path(sys.argv[1]))
    print(f"{len(unused)} words of data/basic_names.txt have no class below them: {', '.join(unused)}", file=sys.stderr)


if __name__ == "__main__":
    main()
