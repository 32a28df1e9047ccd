"""What went wrong inside, for the terminal: a line each, with its level, whatever the message holds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["told_in_lines"]

_LOGGERS = ("ui", "retrieval", "indexer")
_LETTERS_MOST = 500


class _OneLine(logging.Formatter):
    """Messages may hold what somebody sent: no sign of it moves the cursor, or begins a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        message = "".join(sign if sign.isprintable() else " " for sign in record.getMessage())
        return f"vidi: {record.levelname.lower()}: {message[:_LETTERS_MOST]}"


@contextmanager
def told_in_lines() -> Iterator[None]:
    """Warnings and errors of this program stand on the standard error stream meanwhile; traces of the stack don't."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_OneLine())
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(handler)
