"""Assets that the answer should be more like, or less like, as the page's script writes them: ``12 40 -7``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Likes", "parse_likes"]

_LIKE = re.compile(r"(-?)(\d{1,18})", re.ASCII)
_MOST = 20


@dataclass(frozen=True, slots=True)
class Likes:
    """Ids of assets. It is true if there are any."""

    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.more or self.less)


def parse_likes(text: str) -> Likes:
    """What ``text`` names; what is none of it is passed over, and so is what goes beyond 20."""
    found = [like for word in text.split() if (like := _LIKE.fullmatch(word))][:_MOST]
    return Likes(
        more=tuple(int(like[2]) for like in found if not like[1]),
        less=tuple(int(like[2]) for like in found if like[1]),
    )
