"""Types of arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable

__all__ = ["fraction", "whole_number"]


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
