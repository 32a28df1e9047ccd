"""Users and their passwords in a file: a line each, ``USER:HASH``, by Argon2id (RFC 9106)."""

from __future__ import annotations

import os
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from retrieval.errors import UsageError
from retrieval.paths import display_of
from retrieval.store.files import replacing
from ui.trust.secret_files import read_secret

__all__ = ["PASSWORD_LEAST", "Passwords", "set_password"]

PASSWORD_LEAST = 8
"""Letters of a password."""
_PASSWORD_MOST = 1024
_NAME_MOST = 64
_MEANT = "password file"


class Passwords:
    """Knows who may enter. Safe to share between threads."""

    def __init__(self, hashes: dict[str, str]) -> None:
        """``hashes`` by user; there is at least one."""
        self._hashes = hashes
        self._hasher = PasswordHasher()
        # Whether a user exists must not be told by the time that an answer takes.
        self._nobody = self._hasher.hash(os.urandom(16))

    @classmethod
    def read(cls, path: Path) -> Passwords:
        """Those of a file that :func:`set_password` wrote.

        Raises:
            UsageError: it can't be read, others may read it, or it holds no user.
        """
        named = display_of(os.fsencode(path))
        hashes = _parsed(read_secret(path, _MEANT), named)
        if not hashes:
            raise UsageError(f"the {_MEANT} {named} holds no user; add one with `vidi ui --set-password USER {named}`")
        return cls(hashes)

    def are_right(self, user: str, password: str) -> bool:
        """Whether ``password`` is that of ``user``. It takes some 50 ms and 64 MB, on purpose."""
        try:
            verified = self._hasher.verify(self._hashes.get(user, self._nobody), password[:_PASSWORD_MOST])
        except (VerificationError, InvalidHashError):
            return False
        return verified and user in self._hashes


def set_password(path: Path, user: str, password: str) -> None:
    """Write ``user`` with ``password`` into the file at ``path``, for its owner alone; other users in it stay.

    Raises:
        UsageError: the name or the password can't be used, or the file can't be read.
        LibraryError: the file can't be written.
    """
    if not user or len(user) > _NAME_MOST or not user.isprintable() or ":" in user or user != user.strip():
        raise UsageError(f"{user!r} can't be a user's name; expected up to {_NAME_MOST} letters without a colon")
    if not PASSWORD_LEAST <= len(password) <= _PASSWORD_MOST:
        raise UsageError(f"expected a password of {PASSWORD_LEAST} to {_PASSWORD_MOST} letters, got {len(password)}")
    named = display_of(os.fsencode(path))
    hashes = _parsed(read_secret(path, _MEANT), named) if os.path.lexists(path) else {}
    hashes[user] = PasswordHasher().hash(password)
    with replacing(path) as temporary:
        temporary.write_text("".join(f"{name}:{hashed}\n" for name, hashed in hashes.items()))


def _parsed(text: str, named: str) -> dict[str, str]:
    hashes = {}
    for number, line in enumerate(text.splitlines(), 1):
        user, colon, hashed = line.partition(":")
        if not line.strip():
            continue
        if not colon or not user or not hashed.startswith("$argon2"):
            raise UsageError(f"line {number} of the {_MEANT} {named} is not USER:HASH; make it with --set-password")
        hashes[user] = hashed
    return hashes
