"""The taggers that there are, by name; the one place where their classes are chosen."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from retrieval.errors import ModelError
from retrieval.spaces.registry import DEFAULT_SPACE, get_space
from retrieval.tagging.imagenet import ImageNetTagger
from retrieval.tagging.photo import ALL_LABELS, PHOTO, PhotoTagger
from retrieval.tagging.tagger import Tagger
from retrieval.tagging.zero_shot import ZeroShotTagger, read_labels_named

__all__ = ["DEFAULT_TAGGERS", "get_label_tagger", "get_tagger", "tagger_names"]

DEFAULT_TAGGERS: Final = (PHOTO, ImageNetTagger.name)
"""What `vidi tag` uses when nothing is asked for."""


def tagger_names() -> tuple[str, ...]:
    """The names that :func:`get_tagger` knows."""
    return (PHOTO, ALL_LABELS, ImageNetTagger.name)


def get_tagger(name: str) -> Tagger:
    """The tagger of this name.

    Raises:
        ModelError: there is none.
    """
    match name:
        case "photo":
            return PhotoTagger()
        case "photo-all":
            return PhotoTagger(all_labels=True)
        case "imagenet":
            return ImageNetTagger()
    near = get_close_matches(name.lower(), tagger_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else "labels of your own are taken by --labels FILE"
    raise ModelError(f"there is no classifier {name!r}: expected one of {', '.join(tagger_names())}; {hint}")


def get_label_tagger(labels: str, space: str | None = None) -> ZeroShotTagger:
    """The tagger for a file of labels (or for ``photo``, vidi's own vocabulary) by a space.

    Raises:
        DatasetError: the file can't be used.
        UnknownSpaceError: there is no such space.
    """
    name, read = read_labels_named(labels)
    return ZeroShotTagger(name, read, get_space(space or DEFAULT_SPACE))
