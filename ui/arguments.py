"""Types of arguments that several commands take, and words that look like options."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

__all__ = ["fraction", "whole_number", "words_kept", "words_of"]

_GUARD = " "
"""Before a word with a dash: argparse then takes it for no option."""


def whole_number(least: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from ``least`` up."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} up, got {text!r}")
        return number

    return parse


def fraction(text: str) -> float:
    """A type for argparse: numbers from 0 up, less than 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to less than 1, got {text!r}")
    return number


def words_kept(arguments: Sequence[str]) -> list[str]:
    """``arguments`` in which a word with one dash, such as ``-people``, is no option to argparse; ``-h`` stays one.

    What follows ``--`` is words already. :func:`words_of` undoes it.
    """
    kept: list[str] = []
    for place, word in enumerate(arguments):
        if word == "--":
            return kept + list(arguments[place:])
        is_word = word.startswith("-") and not word.startswith("--") and word not in ("-", "-h")
        kept.append(_GUARD + word if is_word else word)
    return kept


def words_of(kept: Sequence[str]) -> list[str]:
    """The words as they were typed."""
    return [word.removeprefix(_GUARD) if word.startswith(f"{_GUARD}-") else word for word in kept]
