"""The spaces that exist, and the one place where their classes are chosen."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from retrieval.errors import UnknownSpaceError, WeightsError
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


def _mmt(name: str) -> Space:
    from retrieval.spaces.mmt import FAMILY, MMT_STARTER, MmtSpace, read_model  # as above

    chosen = name.partition("/")[2]
    if not chosen:
        raise UnknownSpaceError(f"{name!r} names no model: expected {FAMILY}/starter, or {FAMILY}/FOLDER of your own")
    path = MMT_STARTER if chosen == "starter" else _folder_of(chosen)
    folder = read_model(path)
    named = folder.config.frames.space if folder.config.frames else None
    if named and named.partition("/")[0] == FAMILY:
        raise WeightsError(f"{path} stands upon {named}, which is no picture space; train it again")
    pictures = get_space(named) if named else None
    return MmtSpace(name if path == MMT_STARTER else f"{FAMILY}/{str(path).lstrip('/')}", folder, pictures)


def _folder_of(chosen: str) -> Path:
    """Of a model: ``chosen`` from here or, as the space is called wherever its name is shown, from the root."""
    near, far = Path(chosen).expanduser().absolute(), Path("/", chosen)
    return far if far.is_dir() and not near.is_dir() else near


_FAMILIES: dict[str, Callable[[str], Space]] = {"open_clip": _open_clip, "mmt": _mmt}


def space_names() -> tuple[str, ...]:
    """The names that :func:`get_space` knows."""
    return tuple(_SPACES)


def get_space(name: str = DEFAULT_SPACE) -> Space:
    """The space of this name, such as ``starter``, ``mmt/starter`` or ``open_clip/ViT-B-32/laion2b_s34b_b79k``.

    No model is loaded yet; of an MMT, its folder is read.

    Raises:
        UnknownSpaceError: there is none.
        ModelError: an MMT's folder is absent, damaged, or can't be searched with.
    """
    if family := _FAMILIES.get(name.partition("/")[0]):
        return family(name)
    try:
        return _SPACES[name]()
    except KeyError:
        near = get_close_matches(name.lower(), [*_SPACES, "open_clip/", "mmt/starter"], n=1)
        hint = f"did you mean {near[0]}?" if near else "`vidi models` shows what there is"
        known = ", ".join([*_SPACES, "mmt/starter", "mmt/FOLDER", "open_clip/MODEL/WEIGHTS"])
        raise UnknownSpaceError(f"there is no space {name!r}: expected one of {known}; {hint}") from None
