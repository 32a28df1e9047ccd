"""Video end to end against the floor, on 720p H.264 with sound."""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import spread
from benchmarks.media import make_video
from indexer import index
from retrieval.experts.appearance import Appearance
from retrieval.media.video import sample_video
from retrieval.settings import IndexSettings, MediaLimits, SamplingSettings, Settings

__all__ = ["measure_video"]

VIDEOS = 2
FRAMES_ALONE = Settings(index=IndexSettings(experts=()))
"""The experts over time have a benchmark of their own."""


def measure_video(folder: Path, *, seconds: int = 60, rounds: int = 3) -> dict[str, Any]:
    """Video seconds per second: the sampling decoder alone in this process, the encoder alone on what it kept, a run.

    The floor is 1 / (1/D + 1/E) as for pictures, where E counts the video seconds that the kept frames stand for.
    Both run on all cores: one decoder a core, as the run has them.
    """
    paths = [make_video(folder / f"{number}.mp4", seconds, seed=number) for number in range(VIDEOS)]
    total = seconds * len(paths)
    appearance = Appearance()
    frames = np.stack([frame.pixels for frame in sample_video(paths[0], SamplingSettings(), MediaLimits())])
    kept_per_second = len(frames) / seconds
    appearance.encode(frames[:8])
    decoded: list[float] = []
    encoded: list[float] = []
    whole: list[float] = []
    for _ in range(rounds):
        decoded.append(_decoding_rate(paths, seconds))
        encoded.append(_encoding_rate(appearance, frames) / kept_per_second)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as library:
            report = index([folder], library, settings=FRAMES_ALONE)
            whole.append(total / (time.perf_counter() - began))
        assert report.videos == len(paths), report
    floor = [1 / (1 / d + 1 / e) for d, e in zip(decoded, encoded, strict=True)]
    return {
        "video_seconds": total,
        "kept_frames_per_second": round(kept_per_second, 3),
        "decoded_seconds_per_second": spread(decoded),
        "encoded_seconds_per_second": spread(encoded),
        "end_to_end_seconds_per_second": spread(whole),
        "floor_seconds_per_second": spread(floor),
        "share_of_floor": spread([w / f for w, f in zip(whole, floor, strict=True)]),
        "asked": 0.85,
        "library_bytes_per_hour": round(_growth(paths) * 3600 / seconds),
    }


def _growth(paths: list[Path]) -> int:
    """Bytes that one more video adds to a library."""
    with tempfile.TemporaryDirectory() as library:
        index(paths[:-1], library, settings=FRAMES_ALONE)
        before = _size(Path(library))
        index(paths, library, settings=FRAMES_ALONE)
        return _size(Path(library)) - before


def _size(library: Path) -> int:
    return sum(path.stat().st_size for path in library.rglob("*") if path.is_file())


def _decoding_rate(paths: list[Path], seconds: int) -> float:
    """On all cores: several videos at once in one process, since FFmpeg works without Python's lock."""

    def decode(path: Path) -> None:
        for _ in sample_video(path, SamplingSettings(), MediaLimits()):
            pass

    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(decode, paths))
    return seconds * len(paths) / (time.perf_counter() - began)


def _encoding_rate(appearance: Appearance, frames: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
    began = time.perf_counter()
    for _ in range(4):
        appearance.encode(frames)
    return 4 * len(frames) / (time.perf_counter() - began)
