"""Reversible tables between our names of weights and those of published checkpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["NameTable", "SameNames"]


class NameTable:
    """Pairs of module names, ours and theirs, in which ``*`` stands for a number.

    ``NameTable({"blocks.*.mlp.widen": "blocks.*.mlp.fc1"}).theirs("blocks.3.mlp.widen.bias")`` is
    ``"blocks.3.mlp.fc1.bias"``: what follows the module's name is the same on both sides.
    """

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self.pairs = dict(pairs)
        self._to_theirs = _rules(pairs.items())
        self._to_ours = _rules((theirs, ours) for ours, theirs in pairs.items())

    def theirs(self, ours: str) -> str | None:
        """Their name of a weight; None where the table has none."""
        return _translate(self._to_theirs, ours)

    def ours(self, theirs: str) -> str | None:
        """Our name of a weight; None where the table has none."""
        return _translate(self._to_ours, theirs)


class SameNames(NameTable):
    """Of a model that is named as its checkpoints are."""

    def __init__(self) -> None:
        super().__init__({})

    def theirs(self, ours: str) -> str | None:
        """As it is."""
        return ours

    def ours(self, theirs: str) -> str | None:
        """As it is."""
        return theirs


_Rules = list[tuple[re.Pattern[str], str]]


def _rules(pairs: Iterable[tuple[str, str]]) -> _Rules:
    return [(re.compile(re.escape(name).replace(r"\*", r"(\d+)") + r"(|\.\w+)"), other) for name, other in pairs]


def _translate(rules: _Rules, name: str) -> str | None:
    for pattern, other in rules:
        if match := pattern.fullmatch(name):
            *numbers, rest = match.groups()
            for number in numbers:
                other = other.replace("*", number, 1)
            return other + rest
    return None
