"""How soon a search answers while a run over many files has only begun."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.media import make_pictures

__all__ = ["SMALL", "VARIETY", "make_many", "measure_first_answers"]

SMALL = (320, 240)
VARIETY = 100
DEADLINE_SECONDS = 300.0


def measure_first_answers(folder: Path, *, count: int = 80_000) -> dict[str, Any]:
    """Begin to index ``count`` pictures, ask again and again in new processes, and stop once a search answers."""
    pictures = folder / "many"
    make_many(pictures, make_pictures(folder / "few", VARIETY, SMALL), count)
    with tempfile.TemporaryDirectory() as library:
        return {"files": count, **_ask_until_answered(pictures, Path(library)), "asked_seconds": 30}


def _ask_until_answered(pictures: Path, library: Path) -> dict[str, Any]:
    began = time.perf_counter()
    run = subprocess.Popen(_command(library, "index", str(pictures)), stdout=subprocess.DEVNULL)
    try:
        while not (hits := _hits(library)):
            assert run.poll() is None, f"the run ended first, with exit code {run.returncode}"
            assert time.perf_counter() - began < DEADLINE_SECONDS
            time.sleep(0.2)
        seconds = time.perf_counter() - began
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(DEADLINE_SECONDS)
    return {"seconds": round(seconds, 1), "hits": hits}


def make_many(folder: Path, sources: list[Path], count: int, *, first: int = 0) -> None:
    """Files ``first`` to ``count`` that differ in content: each a source with its own number behind the end."""
    contents = [path.read_bytes() for path in sources]
    for number in range(first, count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[number % len(contents)] + number.to_bytes(8, "big"))


def _hits(library: Path) -> int:
    """How many hits a search gives now; none while the library is not there yet."""
    command = _command(library, "search", "--json", "--anyway", "a cat on a sofa")
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return len(json.loads(answer.stdout)["hits"]) if answer.returncode == 0 else 0


def _command(library: Path, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("vidi")), "--library", str(library), *arguments]
