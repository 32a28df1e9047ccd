"""What the page's addresses name: an asset by its number, and a moment of it."""

from __future__ import annotations

import math

from starlette.requests import Request

__all__ = ["LONGEST_SECONDS", "asset_number", "seconds_of"]

LONGEST_SECONDS = 30 * 24 * 3600.0
"""No moment of a video lies later."""
_DIGITS_MOST = 19
_NUMBER_MOST = 2**63 - 1


def asset_number(request: Request) -> int:
    """The path's ``asset_id``; 0, which names nothing, where that is no number that the catalog could hold.

    Starlette's own convertor fails at one of thousands of digits.
    """
    text: str = request.path_params["asset_id"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST else 0
    return number if number <= _NUMBER_MOST else 0


def seconds_of(text: str) -> float:
    """The moment ``text``, in seconds.

    Raises:
        ValueError: it is no moment of a video.
    """
    seconds = float(text)
    if not (math.isfinite(seconds) and 0 <= seconds <= LONGEST_SECONDS):
        raise ValueError(text)
    return seconds
