"""Whether the optional package of the Model Context Protocol is there."""

from __future__ import annotations

from importlib.util import find_spec

from retrieval.errors import MissingExtraError

__all__ = ["check_mcp"]


def check_mcp() -> None:
    """See that it is.

    Raises:
        MissingExtraError: it isn't installed.
    """
    if find_spec("mcp") is None:
        raise MissingExtraError("--mcp needs the package mcp; install it with: pip install 'vidi[mcp]'")
