"""What the command's exit code says: 0 done · 1 an expected failure · 2 wrong usage · 130 stopped by Ctrl-C."""

from __future__ import annotations

__all__ = ["EXIT_FAILURE", "EXIT_INTERRUPTED", "EXIT_USAGE"]

EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130
