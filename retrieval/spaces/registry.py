"""The spaces that exist, and the one place where their classes are chosen."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from retrieval.errors import UnknownSpaceError
from retrieval.spaces.space import Space

__all__ = ["DEFAULT_SPACE", "get_space", "space_names"]

DEFAULT_SPACE = "starter"


def _starter() -> Space:
    from retrieval.spaces.starter import StarterSpace  # here, so that each space is imported only when it is used

    return StarterSpace()


_SPACES: dict[str, Callable[[], Space]] = {"starter": _starter}


def space_names() -> tuple[str, ...]:
    """The names that :func:`get_space` knows."""
    return tuple(_SPACES)


def get_space(name: str = DEFAULT_SPACE) -> Space:
    """The space of this name; no model is loaded yet.

    Raises:
        UnknownSpaceError: there is none.
    """
    try:
        return _SPACES[name]()
    except KeyError:
        near = get_close_matches(name.lower(), _SPACES, n=1)
        hint = f"did you mean {near[0]}?" if near else "`vidi models` shows what there is"
        known = ", ".join(_SPACES)
        raise UnknownSpaceError(f"there is no space {name!r}: expected one of {known}; {hint}") from None
