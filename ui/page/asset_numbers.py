"""Numbers of assets in addresses. Starlette's own convertor fails at one of thousands of digits."""

from __future__ import annotations

from starlette.requests import Request

__all__ = ["asset_number"]

_DIGITS_MOST = 18


def asset_number(request: Request) -> int:
    """The path's ``asset_id``; 0, which names nothing, where that is no number that the catalog could hold."""
    text: str = request.path_params["asset_id"]
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST else 0
