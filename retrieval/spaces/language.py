"""A cheap, honest guess at whether a text is in a language that an English model can't read."""

from __future__ import annotations

import unicodedata

__all__ = ["looks_foreign"]

_LETTERS_READ = 1000


def looks_foreign(text: str) -> bool:
    """Whether most letters of ``text`` are of another script than Latin.

    True is sure: an English model sees such letters as unknown signs. False proves nothing: German and
    Vietnamese are written in Latin letters too.
    """
    letters = [character for character in text[: 10 * _LETTERS_READ] if character.isalpha()][:_LETTERS_READ]
    latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
    return bool(letters) and latin * 2 < len(letters)
