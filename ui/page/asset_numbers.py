"""Numbers of assets in addresses. Starlette's own convertor fails at one of thousands of digits."""

from __future__ import annotations

from starlette.requests import Request

__all__ = ["asset_number"]

_DIGITS_MOST = 19
_NUMBER_MOST = 2**63 - 1


def asset_number(request: Request) -> int:
    """The path's ``asset_id``; 0, which names nothing, where that is no number that the catalog could hold."""
    text: str = request.path_params["asset_id"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST else 0
    return number if number <= _NUMBER_MOST else 0
