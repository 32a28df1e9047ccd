"""Paths as people can read them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["display_of", "outermost"]


def display_of(path: bytes) -> str:
    """A readable form of a path: bytes that are not UTF-8, and control characters, are shown escaped."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def outermost(paths: Iterable[bytes]) -> list[bytes]:
    """Those absolute paths that lie below no other of them, in order; each once."""
    kept: list[bytes] = []
    for path in sorted(paths, key=lambda path: path.split(b"/")):  # what is below a folder comes right after it
        if not kept or (path != kept[-1] and not path.startswith(kept[-1].rstrip(b"/") + b"/")):
            kept.append(path)
    return kept
