"""Assets that the answer should be more like, or less like, as the page's script writes them: ``12 40@3.5 -7 all``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Like", "Likes", "parse_likes"]

Like = int | tuple[int, float]
"""An asset by its id; of a video, with the second of a moment."""

_LIKE = re.compile(r"(-?)(\d{1,18})(?:@(\d{1,7}(?:\.\d{1,3})?))?", re.ASCII)
_MOST = 20


@dataclass(frozen=True, slots=True)
class Likes:
    """It is true if there are any to compare with."""

    more: tuple[Like, ...] = ()
    less: tuple[Like, ...] = ()
    unfolded: bool = False
    """``all``: near-identical pictures are shown each for itself."""

    def __bool__(self) -> bool:
        return bool(self.more or self.less)


def parse_likes(text: str) -> Likes:
    """What ``text`` names; what is none of it is passed over, and so is what goes beyond 20."""
    found = [like for word in text.split() if (like := _LIKE.fullmatch(word))][:_MOST]
    return Likes(
        more=tuple(_like_of(like) for like in found if not like[1]),
        less=tuple(_like_of(like) for like in found if like[1]),
        unfolded="all" in text.split(),
    )


def _like_of(found: re.Match[str]) -> Like:
    return int(found[2]) if found[3] is None else (int(found[2]), float(found[3]))
