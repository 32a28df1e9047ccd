"""Writes data/tag_words.json: python -m retrieval.evaluation.write_tag_words FOLDER, the folder of WordNet's files.

For every name that vidi's own taggers give, the words that make it right where they stand in a caption: the name, its
synonyms, and what lies above it. What lies below it is kept apart: a picture of a poodle is one of a dog, but not by
the rule of the project's figure.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from retrieval.tagging.class_names import class_names
from retrieval.tagging.label_file import read_label_file
from retrieval.tagging.photo_vocabulary import PHOTO_VOCABULARY
from retrieval.tagging.wordnet import WordNet

__all__ = ["write_tag_words"]

_DATA: Final = Path(__file__).parent / "data" / "tag_words.json"

_TOO_WIDE_WORDS: Final = """
    abstract_entity abstraction act action activity amount animate_thing appearance area arrangement artefact
    article artifact assemblage attribute back being body causal_agency causal_agent cause change cognition
    collection commodity communication condition construction consumer_goods container content conveyance cover
    covering creation deed definite_quantity device end entity equipment event extent facility field form front
    fundamental_quantity gathering go good goods group grouping happening human_action human_activity implement
    information installation instrument instrumentality instrumentation knowledge light line living_thing location
    look material matter measure message motion move movement natural_event natural_object natural_phenomenon noesis
    object occurrence occurrent opening organisation organism organization part period phenomenon physical_entity
    physical_object physical_phenomenon physical_process piece place point portion position process product property
    psychological_feature quantity region relation representation set shape side sign signal social_group sound
    space spot state status structure stuff substance support surface system thing time time_period tool top
    trade_good transport travel unit way whole work
"""
_TOO_WIDE: Final = frozenset(word.replace("_", " ") for word in _TOO_WIDE_WORDS.split())
"""Words that say next to nothing, or that stand in captions for something else."""

_MEANT: Final[dict[str, tuple[str, int] | None]] = {
    "bat": ("bat", 4),
    "form": ("form", 9),
    "glass": ("glass", 1),
    "hands": ("hand", 0),
    "plate": ("plate", 3),
    "pool": ("swimming pool", 0),
    "sign": ("signboard", 0),
    "running": None,
    "slide": ("playground slide", 0),
    "standing": ("standing", 2),
    "swing": ("swing", 1),
    "track": ("racetrack", 0),
    "water": ("body of water", 0),
}
"""The word and the number of its sense where the commonest sense of a label isn't the one that is meant; None where
no sense of the noun is."""


_BELOW_MOST: Final = 300


def write_tag_words(folder: Path, target: Path = _DATA) -> None:
    """Write the table.

    Raises:
        DatasetError: WordNet's files can't be read.
    """
    net = WordNet(folder)
    offsets: dict[str, int | None] = {}
    for label in read_label_file(PHOTO_VOCABULARY).labels:
        offsets[label.name] = _sense_of(net, label.name)
    for entry in class_names():
        offsets.setdefault(entry.name, entry.synset)
    basics = {name for entry in class_names() for name in (entry.basic, *entry.wide)}
    for name in basics - offsets.keys():
        senses = net.senses(name)
        offsets[name] = next((sense for sense in senses if _is_above_a_class(net, sense)), None)
    table = {name: _words(net, name, offset) for name, offset in sorted(offsets.items())}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(words)}" for name, words in table.items())
    target.write_text("{\n" + lines + "\n}\n", "utf-8")


def _sense_of(net: WordNet, label: str) -> int | None:
    """The sense that is meant by a label, which may be a plural; None where WordNet has none."""
    meant = _MEANT.get(label, (label, 0))
    if meant is None:
        return None
    word, number = meant
    for form in (word, net.plurals.get(word, ""), word.removesuffix("s"), word.removesuffix("es")):
        if senses := net.senses(form):
            return senses[number]
    return None


def _is_above_a_class(net: WordNet, sense: int) -> bool:
    return any(sense in net.above(entry.synset) for entry in class_names())


def _words(net: WordNet, name: str, offset: int | None) -> dict[str, list[str]]:
    irregular = {singular: plural for plural, singular in net.plurals.items()} | {"person": "people"}
    names = dict.fromkeys([name.lower(), *_forms_of_doing(net, name)])
    above: dict[str, None] = {}
    below: set[str] = set()
    if offset is not None:
        names |= dict.fromkeys(_meaning(net, offset))
        wider = net.above(offset)[1:] if _is_thing_or_sport(net, name, offset) else []
        above = dict.fromkeys(word for place in wider for word in _meaning(net, place))
        below = _commonest_below(net, offset) - names.keys()
    return {
        "names": _with_plurals([word for word in names if word == name.lower() or word not in _TOO_WIDE], irregular),
        "above": _with_plurals([word for word in above if word not in _TOO_WIDE], irregular),
        "below": _with_plurals(sorted(below), irregular),
    }


def _meaning(net: WordNet, offset: int) -> list[str]:
    """The words of a sense that mean it first of all: "player" is a musician, too, but seldom."""
    return [word.lower() for word in net[offset].words if net.senses(word)[0] == offset]


def _with_plurals(words: list[str], irregular: dict[str, str]) -> list[str]:
    return words + [irregular[word] for word in words if word in irregular]


def _is_thing_or_sport(net: WordNet, name: str, offset: int) -> bool:
    """What lies above a doing says little ("dancing" is below "field", of study), unless it is a sport."""
    return not name.endswith("ing") or any("sport" in net[above].words for above in net.above(offset))


def _commonest_below(net: WordNet, offset: int) -> set[str]:
    """Words whose commonest sense lies below: "case" and "beat" mean persons, too. Of very many, the common ones."""
    below = {word for sense in net.below(offset) for word in net[sense].words if net.senses(word)[0] == sense}
    return {word.lower() for word in below if len(below) <= _BELOW_MOST or net.is_common(word)}


def _forms_of_doing(net: WordNet, name: str) -> list[str]:
    """The forms of the verb of a name such as "running"."""
    if not name.endswith("ing") or " " in name:
        return []
    stem = name.removesuffix("ing")
    bases = {stem, f"{stem}e", *([stem[:-1]] if stem[-2:-1] == stem[-1:] else [])} & net.verbs
    forms = {form for form, base in net.verb_forms if base in bases}
    for base in bases:
        forms |= {base, f"{base}es" if base.endswith(("s", "x", "z", "ch", "sh")) else f"{base}s"}
        forms.add(f"{base}d" if base.endswith("e") else f"{stem}ed")
    return sorted(forms)


def main() -> None:
    """Write the table."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m retrieval.evaluation.write_tag_words FOLDER (of WordNet's files)")
    write_tag_words(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
