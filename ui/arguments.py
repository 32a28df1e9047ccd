"""Types of arguments that several commands take, and words that look like options."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

__all__ = ["fraction", "multiple", "positive", "whole_number", "words_kept", "words_of"]

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


def multiple(of: int, least: int) -> Callable[[str], int]:
    """A type for argparse: multiples of ``of`` from ``least`` up."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or number % of:
            raise argparse.ArgumentTypeError(f"expected a multiple of {of} from {least} on, got {text!r}")
        return number

    return parse


def positive(text: str) -> float:
    """A type for argparse: finite numbers more than 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number more than 0, got {text!r}")
    return number


def words_kept(arguments: Sequence[str]) -> list[str]:
    """``arguments`` in which words that begin with a dash are no options to argparse. :func:`words_of` undoes it.

    That is those with one dash, such as ``-people``, but for ``-h``, and all that follow ``--``, which itself is left
    out.
    """
    kept: list[str] = []
    are_words = False
    for argument in arguments:
        if argument == "--" and not are_words:
            are_words = True
            continue
        one_dash = not argument.startswith("--") and argument not in ("-", "-h")
        kept.append(_GUARD + argument if argument.startswith("-") and (are_words or one_dash) else argument)
    return kept


def words_of(kept: Sequence[str]) -> list[str]:
    """The words as they were typed."""
    return [word.removeprefix(_GUARD) if word.startswith(f"{_GUARD}-") else word for word in kept]
