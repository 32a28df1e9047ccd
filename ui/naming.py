"""What a person has to type to run this program again."""

from __future__ import annotations

import os
import shlex
import shutil
import sys

__all__ = ["command_name"]


def command_name() -> str:
    """``vidi`` where the shell finds this very program by that name, else the way in which it was started."""
    started = sys.argv[0]
    if os.path.basename(started) != "vidi":
        return f"{shlex.quote(sys.executable)} -m ui.command_line"
    found = shutil.which("vidi")
    if found is not None and os.path.exists(started) and os.path.samefile(found, started):
        return "vidi"
    return shlex.quote(started)
