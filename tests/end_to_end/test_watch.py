"""`vidi index --watch` as a person runs it and stops it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_change_is_told_in_a_line_of_json_and_ctrl_c_ends_well(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    library = str(tmp_path / "library")
    command = [sys.executable, "-m", "ui.command_line", "--library", library, "index", str(tmp_path / "media")]
    process = subprocess.Popen(
        [*command, "--watch", "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["accounts"]["found"] == 0
    (tmp_path / "media" / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    written = time.monotonic()
    report = json.loads(process.stdout.readline())
    assert time.monotonic() - written < 30
    assert (report["new"], report["failed"], report["accounts"]["failed"]) == (1, 1, 1)
    # Between rounds others may write.
    assert subprocess.run([*command, "--retry-failed"], cwd=ROOT, capture_output=True, check=False).returncode == 0
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (130, "", "vidi: stopped\n")
