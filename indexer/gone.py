"""Whether a file that the catalog knows is gone."""

from __future__ import annotations

import os

__all__ = ["is_gone"]


def is_gone(path: bytes) -> bool:
    """Only a plain "there is no such file" counts: what can't be looked at may still be there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
