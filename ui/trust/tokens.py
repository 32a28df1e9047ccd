"""Tokens: long random words that stand for the right to ask."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from retrieval.errors import UsageError
from retrieval.paths import display_of
from retrieval.store.files import replacing
from ui.trust.secret_files import read_secret

__all__ = ["TOKEN_LEAST", "new_token", "same", "token_of"]

TOKEN_LEAST = 32
"""Letters of a token in a file: nobody guesses one that is random."""
_TOKEN_BYTES = 32
_MEANT = "token file"


def new_token() -> str:
    """43 letters, 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def same(one: str, other: str) -> bool:
    """Whether they are equal, in a time that tells nothing of where they differ."""
    return secrets.compare_digest(one.encode(), other.encode())


def token_of(path: Path) -> str:
    """The token in the file at ``path``; where there is no file yet, it is made with a new one.

    Raises:
        UsageError: it can't be read, others may read it, or it holds no token.
        LibraryError: it can't be written.
    """
    if not os.path.lexists(path):
        with replacing(path) as temporary:
            temporary.write_text(new_token() + "\n")
    token = read_secret(path, _MEANT).strip()
    if len(token) < TOKEN_LEAST or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            f"the {_MEANT} {display_of(os.fsencode(path))} holds no token, expected one word of {TOKEN_LEAST} or more "
            "ASCII letters; remove it, and vidi makes one"
        )
    return token
