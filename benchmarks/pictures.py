"""Pictures end to end against the floor: what decoding and encoding cost alone, and what a whole run costs.

On a CPU, where both share the cores, no run can be faster than 1 / (1/D + 1/E) for D pictures decoded and E encoded
per second alone, each at its best setting. All are measured in turn, round by round, in one process.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import spread
from benchmarks.media import make_pictures
from indexer import index
from retrieval.experts.appearance import Appearance
from retrieval.media.picture import decode_picture
from retrieval.models.efficientnet_lite import efficientnet_lite0
from retrieval.models.picture_tower import TorchPictureTower, read_weights
from retrieval.settings import IndexSettings, MediaLimits, Settings

__all__ = ["Alone", "measure_encoders", "measure_pictures"]

BATCHES = (1, 4, 8, 16, 32)
THREADS = (1, 2)


def _decode(path: Path) -> NDArray[np.uint8]:
    return decode_picture(path, 224, MediaLimits())[1].pixels


def _decode_quietly(path: Path) -> None:
    _decode(path)


def _rate(count: int, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


class Alone:
    """Decoding alone and encoding alone, each at its best setting, over the same pictures. A context manager."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._pixels = np.stack([_decode(path) for path in paths[:32]])
        self._appearance = Appearance()
        cores = os.cpu_count() or 1
        self._processes = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"))
        self._threads = ThreadPoolExecutor(cores)

    def __enter__(self) -> Self:
        self._appearance.encode(self._pixels)
        for pool in (self._processes, self._threads):
            list(pool.map(_decode_quietly, self._paths[:64]))
        return self

    def __exit__(self, *error: object) -> None:
        self._processes.shutdown()
        self._threads.shutdown()

    def decoded(self) -> float:
        """Pictures decoded per second, by processes or threads, whichever are quicker now."""
        count = len(self._paths)
        by_processes = _rate(count, lambda: list(self._processes.map(_decode_quietly, self._paths, chunksize=8)))
        by_threads = _rate(count, lambda: list(self._threads.map(_decode_quietly, self._paths)))
        return max(by_processes, by_threads)

    def encoded(self) -> float:
        """Pictures encoded per second."""
        return _rate(32 * 12, lambda: [self._appearance.encode(self._pixels) for _ in range(12)])

    def floor(self) -> float:
        """Pictures per second that no run can pass where both share the cores."""
        return 1 / (1 / self.decoded() + 1 / self.encoded())


def measure_pictures(folder: Path, *, count: int = 2000, rounds: int = 3) -> dict[str, Any]:
    """D, E and whole runs over ``count`` 2-megapixel JPEGs, ``rounds`` times in turn."""
    paths = make_pictures(folder, count)
    decoded: list[float] = []
    encoded: list[float] = []
    whole: list[float] = []
    with Alone(paths[: count // 2]) as alone:
        for _ in range(rounds):
            decoded.append(alone.decoded())
            encoded.append(alone.encoded())
            whole.append(_rate(count, lambda: _index(folder)))
    floor = [1 / (1 / d + 1 / e) for d, e in zip(decoded, encoded, strict=True)]
    return {
        "pictures": count,
        "mean_bytes": sum(path.stat().st_size for path in paths) // count,
        "decoded_per_second": spread(decoded),
        "encoded_per_second": spread(encoded),
        "end_to_end_per_second": spread(whole),
        "floor_per_second": spread(floor),
        "share_of_floor": spread([w / f for w, f in zip(whole, floor, strict=True)]),
        "asked": 0.85,
    }


def _index(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as library:
        report = index([folder], library, settings=Settings(index=IndexSettings()))
        assert report.failed == 0, report


def measure_encoders(folder: Path, *, rounds: int = 3) -> dict[str, Any]:
    """The picture tower on ONNX Runtime against eager torch, default and channels-last.

    Each at its best batch size and number of threads, found anew in every round.
    """
    pixels = np.stack([_decode(path) for path in make_pictures(folder, 32)])
    runners = _runners()
    rates: dict[str, list[float]] = {name: [] for name in runners}
    best: dict[str, str] = {}
    for _ in range(rounds):
        for name, by_threads in runners.items():
            measured = {
                (threads, batch): _batched_rate(runner, pixels, batch)
                for threads, runner in by_threads.items()
                for batch in BATCHES
            }
            (threads, batch), rate = max(measured.items(), key=lambda item: item[1])
            rates[name].append(rate)
            best[name] = f"{threads} threads, batch {batch}"
    onnx = np.array(rates["onnxruntime"])
    return {name: spread(values) for name, values in rates.items()} | {
        "over_eager": spread((onnx / rates["torch_eager"]).tolist()),
        "over_channels_last": spread((onnx / rates["torch_channels_last"]).tolist()),
        "best_setting": best,
        "asked": {"over_eager": 5, "over_channels_last": 3},
    }


Runner = Callable[[NDArray[np.uint8]], object]


def _runners() -> dict[str, dict[int, Runner]]:
    """By name and number of threads."""
    import timm  # torch takes many seconds, which only this benchmark spends
    import torch

    channels_last = TorchPictureTower(read_weights(), device="cpu")
    eager = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    config = efficientnet_lite0()

    def run_eager(batch: NDArray[np.uint8]) -> None:
        with torch.inference_mode():
            x = torch.from_numpy(batch).permute(0, 3, 1, 2).contiguous().float()
            eager((x - config.pixel_mean) / config.pixel_scale)

    def with_threads(threads: int, runner: Runner) -> Runner:
        def run(batch: NDArray[np.uint8]) -> None:
            torch.set_num_threads(threads)
            runner(batch)

        return run

    return {
        "onnxruntime": {threads: Appearance(threads=threads).encode for threads in THREADS},
        "torch_eager": {threads: with_threads(threads, run_eager) for threads in THREADS},
        "torch_channels_last": {threads: with_threads(threads, channels_last) for threads in THREADS},
    }


def _batched_rate(runner: Runner, pixels: NDArray[np.uint8], batch: int) -> float:
    runner(pixels[:batch])
    starts = [start % len(pixels) for start in range(0, 64, batch)]
    return _rate(64, lambda: [runner(pixels[start : start + batch]) for start in starts])
