"""Assets that an answer should be more, or less, like, as a request names them: ``12``, or ``12@3.5`` of a video."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

__all__ = ["Mark", "marked"]

Mark = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}(@[0-9]{1,7}(\.[0-9]{1,6})?)?$")]


def marked(mark: str) -> int | tuple[int, float]:
    """An asset, or a moment of one: never a path, which the library would take too."""
    number, at, seconds = mark.partition("@")
    return (int(number), float(seconds)) if at else int(number)
