"""How cost grows with a library: 80,000 small pictures, come to in steps, held against the floor.

The library is filled in steps, each a run over the whole folder as a person would run it again after adding pictures.
What it took to come to n pictures is the sum of the runs so far; its exponent is the slope of ln seconds over ln n.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.first_answers import SMALL, VARIETY, make_many
from benchmarks.library import timed, vidi
from benchmarks.machine import spread
from benchmarks.media import make_pictures, make_video
from benchmarks.pictures import Alone

__all__ = ["measure_growth"]

STEPS = (5_000, 10_000, 20_000, 40_000, 80_000)
MEMORY_ASKED = 3 * 10**9
VIDEO_SECONDS = 120


def measure_growth(folder: Path, *, steps: tuple[int, ...] = STEPS, rounds: int = 5) -> dict[str, Any]:
    """Fill a library step by step, measuring the floor before and after each; then a rerun, and new searches."""
    sources = make_pictures(folder / "few", VARIETY, SMALL)
    pictures, library = folder / "growing", folder / "growing-library"
    seconds: list[float] = []
    floors: list[float] = []
    memory: list[tuple[int, int]] = []  # (pictures there, bytes of all processes)
    with Alone(sources * 10) as alone:
        for done, target in zip((0, *steps), steps, strict=False):
            make_many(pictures, sources, target, first=done)
            before = alone.floor()
            seconds.append(timed(lambda there=target: _fill(library, pictures, there, memory)))
            floors.append((target - done) * (1 / before + 1 / alone.floor()) / 2)
    return {
        "pictures": steps[-1],
        "seconds": dict(zip(map(str, steps), np.cumsum(seconds).round(1).tolist(), strict=True)),
        "exponent": round(_exponent(steps, np.cumsum(seconds).tolist()), 3),
        "exponent_asked": 1.05,
        "pictures_per_second": round(steps[-1] / sum(seconds), 1),
        "share_of_floor": round(sum(floors) / sum(seconds), 3),
        "share_of_floor_asked": 0.85,
        "memory_peak_bytes_pss": max(size for _, size in memory),
        "memory_by_step": {str(step): max(size for at, size in memory if at == step) for step in steps},
        "memory_asked_bytes": MEMORY_ASKED,
        "rerun_seconds": spread([timed(lambda: vidi(library, "index", str(pictures))) for _ in range(3)]),
        "rerun_asked": 30,
        "search_seconds": spread([timed(lambda: vidi(library, "search", "a cat on a sofa")) for _ in range(rounds)]),
        "search_asked": 2,
        "bytes_per_picture": {name: round(size / steps[-1]) for name, size in _kept(library).items()},
        "bytes_per_video_hour": _kept_of_an_hour(folder),
    }


def _fill(library: Path, pictures: Path, there: int, memory: list[tuple[int, int]]) -> None:
    vidi(library, "index", str(pictures), watch=lambda seen: memory.append((there, seen[1])))


def _exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """The slope of a straight line through (ln size, ln seconds): 1 is a cost in proportion."""
    return float(np.polyfit(list(map(math.log, sizes)), list(map(math.log, seconds)), 1)[0])


def _kept(library: Path) -> dict[str, int]:
    """Bytes on disk by what holds them: the first part of the path below the library."""
    kept: dict[str, int] = {}
    for path in library.rglob("*"):
        if path.is_file():
            name = path.relative_to(library).parts[0].partition(".")[0]
            kept[name] = kept.get(name, 0) + path.stat().st_size
    return {"all": sum(kept.values()), **kept}


def _kept_of_an_hour(folder: Path) -> dict[str, int]:
    """Bytes by what holds them, of an hour of video: what a longer video adds to a shorter one."""
    sizes = []
    for name, length in (("short", 10), ("long", 10 + VIDEO_SECONDS)):
        video = make_video(folder / f"hour-{name}" / f"{name}.mp4", length, size=(640, 360))
        library = folder / f"hour-{name}-library"
        vidi(library, "index", str(video))
        sizes.append(_kept(library))
    return {name: (size - sizes[0].get(name, 0)) * 3600 // VIDEO_SECONDS for name, size in sizes[1].items()}
