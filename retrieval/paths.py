"""Paths as people can read them."""

from __future__ import annotations

__all__ = ["display_of"]


def display_of(path: bytes) -> str:
    """A readable form of a path: bytes that are not UTF-8, and control characters, are shown escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
