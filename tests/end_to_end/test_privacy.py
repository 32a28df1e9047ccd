"""Nothing is written outside the library, and no other host is spoken to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Whatever would reach out of this machine, in Python or below it, looks a name up or connects to an address; Python's
# part of it is refused here, and the home folder shows what libraries keep for themselves.
NO_NETWORK = """
import socket, sys
def refuse(*arguments, **options):
    raise AssertionError(f"a connection was tried: {arguments}")
socket.getaddrinfo = socket.create_connection = refuse
from ui.command_line import main
sys.exit(main(sys.argv[1:]))
"""


def test_index_and_search_leave_no_trace_outside_the_library(tree: Path, tmp_path: Path) -> None:
    home, library = tmp_path / "home", tmp_path / "library"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):
        environment.pop(name, None)
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    for arguments in (["index", str(tree)], ["search", "a cat"], ["search", "--image", str(tree / "0.jpg")]):
        command = [sys.executable, "-c", NO_NETWORK, "--library", str(library), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before
