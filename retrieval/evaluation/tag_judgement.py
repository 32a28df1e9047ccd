"""Is a tag right of a captioned picture? When it, a synonym or a word for what lies above it stands in a caption.

The words of each tag ship as data/tag_words.json, made from WordNet 3.0 (see data/README.md). Of a caption, whole words
and runs of them count, in the singular or the plural; words so wide that they say nothing ("thing", "area") don't.

That rule (``BY_THE_RULE``) is the one of the project's figure. It calls a "soldier" right where a caption has "person",
and a "dog" wrong where it has "poodle"; so tags are calibrated by a rule that is nearer to what people would say
(``BY_SENSE``): the tag, a synonym, or a word for what lies below it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Final

__all__ = ["BY_SENSE", "BY_THE_RULE", "TagJudge", "tag_words"]

_WORD: Final = re.compile(r"[a-z0-9']+(?:-[a-z0-9]+)*")

BY_THE_RULE: Final = ("names", "above")
BY_SENSE: Final = ("names", "below")

Words = Mapping[str, Mapping[str, Sequence[str]]]


@cache
def tag_words() -> Words:
    """For each name that vidi's own taggers give: ``names`` (with synonyms), ``above`` and ``below``, in lower case."""
    words: Words = json.loads(files("retrieval.evaluation").joinpath("data", "tag_words.json").read_text("utf-8"))
    return words


class TagJudge:
    """Judges tags by captions. A tag that the table doesn't know is right where it stands in a caption itself."""

    def __init__(self, parts: Sequence[str] = BY_THE_RULE, words: Words | None = None) -> None:
        """``parts`` of ``words`` (default: the table that ships) make a tag right."""
        self._words = tag_words() if words is None else words
        self._parts = parts
        self._terms: dict[str, frozenset[str]] = {}

    def is_right(self, tag: str, captions: Iterable[str]) -> bool:
        """Whether one of ``captions`` says ``tag``."""
        return not self._terms_of(tag).isdisjoint(self.said(captions))

    def right(self, tags: Sequence[str], captions: Iterable[str]) -> list[bool]:
        """As :meth:`is_right`, of many tags."""
        said = self.said(captions)
        return [not self._terms_of(tag).isdisjoint(said) for tag in tags]

    def said(self, captions: Iterable[str]) -> frozenset[str]:
        """Every run of up to three words of ``captions``."""
        return frozenset(run for caption in captions for run in _runs(caption))

    def _terms_of(self, tag: str) -> frozenset[str]:
        if tag not in self._terms:
            known = self._words.get(tag, {})
            words = [tag.lower(), *(word for part in self._parts for word in known.get(part, ()))]
            self._terms[tag] = frozenset(form for word in words for form in _forms(word))
        return self._terms[tag]


def _runs(caption: str) -> Iterable[str]:
    words = [part for word in _WORD.findall(caption.lower()) for part in (word.replace("-", " ")).split()]
    for start in range(len(words)):
        for count in (1, 2, 3):
            yield " ".join(words[start : start + count])


def _forms(word: str) -> tuple[str, ...]:
    """``word`` with spaces for hyphens, its regular plural, and what it would be the plural of."""
    word = word.replace("-", " ")
    if word.endswith(("s", "x", "z", "ch", "sh")):
        plural = f"{word}es"
    elif word.endswith("y") and word[-2:-1] not in tuple("aeiou"):
        plural = f"{word[:-1]}ies"
    else:
        plural = f"{word}s"
    singular = [word[:-1]] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else []
    return (word, plural, *singular)
