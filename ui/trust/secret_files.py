"""Files that hold secrets: for their owner's eyes alone."""

from __future__ import annotations

import os
from pathlib import Path

from retrieval.errors import UsageError
from retrieval.paths import display_of

__all__ = ["read_secret"]

_BYTES_MOST = 1 << 20
_OTHERS = 0o077


def read_secret(path: Path, meant: str) -> str:
    """The text of the file at ``path``; ``meant`` says what it holds, for the message.

    Raises:
        UsageError: it can't be read, is no text, or others may read or write it.
    """
    named = display_of(os.fsencode(path))
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_BYTES_MOST)
    except OSError as error:
        raise UsageError(f"the {meant} {named} can't be read ({error.strerror}); give one that is there") from error
    if mode & _OTHERS:
        raise UsageError(
            f"others may read the {meant} {named} (mode {mode & 0o777:03o}), expected 600; run `chmod 600 {named}`"
        )
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"the {meant} {named} is no text; expected UTF-8") from error
