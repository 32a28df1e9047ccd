"""The folders that may be indexed by whoever uses the page or the API."""

from __future__ import annotations

import os
from collections.abc import Iterable

from retrieval.errors import AccessError, UsageError
from retrieval.paths import display_of, outermost

__all__ = ["AllowedRoots"]

_NAMED_MOST = 5

Folder = str | bytes | os.PathLike[str]


class AllowedRoots:
    """Allows what lies at or below some folders, once all links are followed."""

    def __init__(self, folders: Iterable[Folder], indexed: Iterable[bytes] = ()) -> None:
        """``folders`` may be indexed; ``indexed`` are named in the catalog already, by the names under which they are.

        Links that lead to these are followed now: what they lead to later changes nothing.
        """
        self._folders = [os.path.realpath(os.fsencode(folder)) for folder in folders]
        self._indexed = {root: os.path.realpath(root) for root in indexed}
        self._named = outermost(filter(os.path.isdir, {*self._folders, *self._indexed}))

    def __str__(self) -> str:
        """The folders alone, without those that lie below another; of many the first."""
        shown, more = self._named[:_NAMED_MOST], len(self._named) - _NAMED_MOST
        return ", ".join(map(display_of, shown)) + (f" and {more} more" if more > 0 else "") or "none"

    def check(self, path: str) -> str:
        """The path to index: ``path`` as the catalog names it, or with all its links followed.

        What is outside is refused alike whether it exists or not.

        Raises:
            UsageError: it is no absolute path, or none that a file could have.
            AccessError: it lies outside.
        """
        if "\0" in path:
            raise UsageError("a path holds no NUL; give the path of a folder")
        if any("\ud800" <= sign <= "\udfff" for sign in path):  # JSON can hold halves of signs, an answer can't
            raise UsageError(f"{path!r} is no text; give the path of a folder, or index it with `vidi index`")
        named = os.path.normpath(os.path.expanduser(path))
        if not os.path.isabs(named):
            raise UsageError(f"{path!r} is no absolute path; give one such as /home/me/Pictures")
        raw, real = os.fsencode(named), os.path.realpath(os.fsencode(named))
        if any(_is_within(raw, root) and _is_within(real, led_to) for root, led_to in self._indexed.items()):
            return named
        if any(_is_within(real, folder) for folder in (*self._folders, *self._indexed.values())):
            return os.fsdecode(real)
        raise AccessError(
            f"{display_of(raw)} may not be indexed from here; expected a folder at or below: {self}; "
            "allow others with `vidi ui --allow-root DIR`, or index it with `vidi index`"
        )


def _is_within(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
