"""How a library of many pictures behaves: a new process that searches it, a second run, and the memory of a run."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import spread
from benchmarks.media import make_pictures

__all__ = ["measure_library", "timed", "vidi"]

SMALL = (320, 240)


def measure_library(folder: Path, *, count: int = 10_000, rounds: int = 5) -> dict[str, Any]:
    """Index ``count`` small pictures, watching memory; then time a rerun, a search and help, each in new processes."""
    pictures = folder / "pictures"
    library = folder / "library"
    make_pictures(pictures, count, SMALL)
    memory: list[tuple[float, int]] = []
    first = timed(lambda: vidi(library, "index", str(pictures), watch=memory.append))
    quarter = [size for at, size in memory if at < first / 4]
    rest = [size for at, size in memory if at >= first / 4]
    rerun = [timed(lambda: vidi(library, "index", str(pictures), "--json")) for _ in range(rounds)]
    report = json.loads(vidi(library, "index", str(pictures), "--json"))
    assert report["unchanged"] == count, report
    return {
        "pictures": count,
        "index_seconds": round(first, 1),
        "memory_peak_bytes_pss": max(size for _, size in memory),
        "memory_peak_first_quarter": max(quarter),
        "memory_peak_rest": max(rest),
        "memory_asked_bytes": 3 * 10**9,
        "rerun_seconds": spread(rerun),
        "rerun_decoded": report["indexed"],
        "rerun_asked": 5,
        "search_seconds": spread([timed(lambda: vidi(library, "search", "a cat on a sofa")) for _ in range(rounds)]),
        "search_asked": 3,
        "help_seconds": spread([timed(lambda: vidi(library, "--help")) for _ in range(rounds)]),
        "help_asked": 0.5,
        "library_bytes": sum(path.stat().st_size for path in library.rglob("*") if path.is_file()),
    }


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def vidi(
    library: Path,
    *arguments: str,
    watch: Callable[[tuple[float, int]], None] | None = None,
    every_seconds: float = 0.2,
) -> str:
    """What `vidi` prints in a new process; ``watch`` is told (seconds since its start, bytes of all its processes)."""
    command = [str(Path(sys.executable).with_name("vidi")), "--library", str(library), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watcher = threading.Thread(target=_watch, args=(process.pid, watch, every_seconds), daemon=True) if watch else None
    if watcher:
        watcher.start()
    output, _ = process.communicate()
    if watcher:
        watcher.join()
    assert process.returncode == 0, (arguments, process.returncode)
    return output


def _watch(pid: int, tell: Callable[[tuple[float, int]], None], every_seconds: float) -> None:
    """PSS of the process and all below it: shared pages count once."""
    began = time.perf_counter()
    while True:
        try:
            parent = psutil.Process(pid)
            if parent.status() == psutil.STATUS_ZOMBIE:
                return
            family = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        tell((time.perf_counter() - began, sum(map(_pss, family))))
        time.sleep(every_seconds)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, OSError):
        return 0
