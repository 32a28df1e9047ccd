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


def _open_clip(name: str) -> Space:
    from retrieval.models.clip.names import ClipName  # as above
    from retrieval.spaces.open_clip import OpenClipSpace

    return OpenClipSpace(ClipName.parse(name))


def space_names() -> tuple[str, ...]:
    """The names that :func:`get_space` knows."""
    return tuple(_SPACES)


def get_space(name: str = DEFAULT_SPACE) -> Space:
    """The space of this name, such as ``starter`` or ``open_clip/ViT-B-32/laion2b_s34b_b79k``; no model is loaded yet.

    Raises:
        UnknownSpaceError: there is none.
    """
    if name.partition("/")[0] == "open_clip":
        return _open_clip(name)
    try:
        return _SPACES[name]()
    except KeyError:
        near = get_close_matches(name.lower(), [*_SPACES, "open_clip/"], n=1)
        hint = f"did you mean {near[0]}?" if near else "`vidi models` shows what there is"
        known = ", ".join([*_SPACES, "open_clip/MODEL/WEIGHTS"])
        raise UnknownSpaceError(f"there is no space {name!r}: expected one of {known}; {hint}") from None
