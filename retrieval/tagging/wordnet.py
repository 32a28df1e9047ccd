"""Reads the nouns of WordNet from its own text files (Debian's package `wordnet-base` has them), for the scripts here.

The formats are those of WordNet's manual page wndb(5). vidi itself never needs the files: what is derived from them is
kept in data/.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from retrieval.errors import DatasetError

__all__ = ["Synset", "WordNet"]

_KIND_OF, _INSTANCE_OF = "@", "@i"


@dataclass(frozen=True, slots=True)
class Synset:
    """One sense: the words for it, the commonest first, and the offsets of the senses right above it."""

    offset: int
    words: tuple[str, ...]
    above: tuple[int, ...]
    is_instance: bool
    """One person, place or thing with a name of its own, rather than a kind."""


class WordNet:
    """The nouns of one folder of WordNet's files."""

    def __init__(self, folder: Path) -> None:
        """Read ``data.noun``, ``index.noun``, ``noun.exc``, ``index.verb`` and ``verb.exc``.

        Raises:
            DatasetError: they can't be read.
        """
        try:
            self._synsets = {synset.offset: synset for synset in map(_synset, _lines(folder / "data.noun"))}
            words = [line.split() for line in _lines(folder / "index.noun")]
            self._senses = {fields[0]: [int(offset) for offset in fields[-int(fields[2]) :]] for fields in words}
            self._counted = {fields[0]: fields[-int(fields[2]) - 1] != "0" for fields in words}
            self.verbs = frozenset(line.split(" ", 1)[0] for line in _lines(folder / "index.verb"))
            self.plurals = dict(_irregular(folder / "noun.exc"))
            self.verb_forms = list(_irregular(folder / "verb.exc"))
        except (OSError, ValueError, IndexError) as error:
            raise DatasetError(
                f"{folder} can't be read as WordNet ({error}); expected the folder of Debian's package wordnet-base, "
                "such as /usr/share/wordnet"
            ) from error

    def __getitem__(self, offset: int) -> Synset:
        return self._synsets[offset]

    def senses(self, word: str) -> list[int]:
        """The offsets of the senses of ``word``, the commonest first."""
        return self._senses.get(word.lower().replace(" ", "_"), [])

    @cached_property
    def _children(self) -> dict[int, list[int]]:
        children: dict[int, list[int]] = {}
        for synset in self._synsets.values():
            for parent in () if synset.is_instance else synset.above:
                children.setdefault(parent, []).append(synset.offset)
        return children

    def is_common(self, word: str) -> bool:
        """Whether the texts that WordNet counted its senses in have ``word``."""
        return self._counted.get(word.lower().replace(" ", "_"), False)

    def above(self, offset: int) -> list[int]:
        """``offset`` and all that lies above it, the nearest first."""
        found: dict[int, None] = {}
        waiting = deque([offset])
        while waiting:
            current = waiting.popleft()
            if current not in found:
                found[current] = None
                waiting.extend(self._synsets[current].above)
        return list(found)

    def below(self, offset: int) -> set[int]:
        """``offset`` and every kind that lies below it."""
        found: set[int] = set()
        waiting = [offset]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self._children.get(current, ()))
        return found


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file without its licence, whose lines begin with two spaces."""
    with path.open(encoding="utf-8") as file:
        yield from (line for line in file if not line.startswith("  "))


def _synset(line: str) -> Synset:
    fields = line.split(" | ")[0].split()
    count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * number].replace("_", " ") for number in range(count))
    start = 4 + 2 * count
    pointers = (fields[start + 1 + 4 * number : start + 4 + 4 * number] for number in range(int(fields[start])))
    above = [(sign, int(offset)) for sign, offset, kind in pointers if sign in (_KIND_OF, _INSTANCE_OF) and kind == "n"]
    is_instance = any(sign == _INSTANCE_OF for sign, _ in above)
    return Synset(int(fields[0]), words, tuple(offset for _, offset in above), is_instance)


def _irregular(path: Path) -> Iterator[tuple[str, str]]:
    """(form, base) of the words that follow no rule."""
    for line in path.read_text("utf-8").splitlines():
        form, base, *_ = line.split()
        yield form.replace("_", " "), base.replace("_", " ")
