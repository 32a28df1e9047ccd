"""All embedded experts over 720p video, one minute in three spoken: how fast together, and who takes how much."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import spread
from benchmarks.media import make_video
from indexer import index
from retrieval.errors import MissingExtraError
from retrieval.experts.appearance import Appearance
from retrieval.experts.extraction import Extracted, extract_tracks
from retrieval.experts.frames_over_time import FramesOverTime
from retrieval.experts.over_time import TimeExpert
from retrieval.experts.registry import time_experts
from retrieval.media.files import open_media
from retrieval.media.pieces import Piece, Stream, stream_of
from retrieval.media.video import sample_open_video
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import MediaKind

__all__ = ["measure_experts", "second_of", "spoken_sentences"]

SPOKEN_SECONDS = 20
"""Of each minute."""
SENTENCES = (
    "A dog runs across the green field, and then a man rides his bicycle along the river.",
    "The government decided yesterday not to raise taxes next year.",
    "Please open the window, and close the door behind you.",
    "The train to London leaves from platform nine in about twenty minutes.",
    "Turn left at the corner, and walk for about two hundred meters.",
    "I think the blue car is faster than the black one.",
)
WRITINGS = ("", "Opening hours: Monday to Friday", "Platform nine", "")


def measure_experts(folder: Path, *, seconds: int = 60, videos: int = 2, rounds: int = 3) -> dict[str, Any]:
    """Video seconds per second of all experts together, by themselves and in an index run, and processor time of each.

    Shares are of processor time, each expert alone in one thread on pieces that were decoded before.
    """
    speech = spoken_sentences()
    paths = [
        make_video(
            folder / f"{number}.mp4",
            seconds,
            seed=number,
            sound_of=lambda second: second_of(speech, second),
            writing_of=lambda shot: WRITINGS[shot % len(WRITINGS)],
        )
        for number in range(videos)
    ]
    total = seconds * videos
    experts: list[TimeExpert] = [FramesOverTime(Appearance(threads=1)), *time_experts().present]
    for expert in experts:
        expert.load()
    together: list[float] = []
    indexed: list[float] = []
    for _ in range(rounds):
        together.append(total / _timed(lambda: _extract(paths, experts)))
        with tempfile.TemporaryDirectory() as library:
            indexed.append(total / _timed(lambda library=library: index([folder], library)))  # type: ignore[misc]
    costs = _costs(paths[0], experts, seconds)
    return {
        "video_seconds": total,
        "experts": len(experts),
        "together_seconds_per_second": spread(together),
        "index_run_seconds_per_second": spread(indexed),
        "asked": 4,
        "processor_milliseconds_per_video_second": {name: round(1000 * cost, 1) for name, cost in costs.items()},
        "share_percent": {name: round(100 * cost / sum(costs.values()), 1) for name, cost in costs.items()},
    }


def _extract(paths: Iterable[Path], experts: list[TimeExpert]) -> None:
    for result in extract_tracks([(path, MediaKind.VIDEO) for path in paths], experts):
        assert isinstance(result, Extracted), result
        assert not result.testimony.failed, result
        assert {name for name, _ in result.testimony.tracks} == {expert.name for expert in experts}


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _costs(path: Path, experts: list[TimeExpert], seconds: int) -> dict[str, float]:
    """Processor seconds of each part for a second of video."""
    began = time.process_time()
    pieces = _decoded(path)
    costs = {"decoding": (time.process_time() - began) / seconds}
    for expert in experts:
        began = time.process_time()
        reading = expert.begin()
        for piece in pieces:
            if stream_of(piece) is expert.stream:
                reading.add(piece)
        reading.finish(float(seconds))
        costs[expert.name] = (time.process_time() - began) / seconds
    return costs


def _decoded(path: Path) -> list[Piece]:
    pieces: list[Piece] = []
    with open_media(path) as media:
        frames = sample_open_video(
            media, SamplingSettings(), MediaLimits(), streams=frozenset(Stream) - {Stream.CLIPS}, emit=pieces.append
        )
        pieces.extend(frames)
    return pieces


def spoken_sentences() -> NDArray[np.float32]:
    """Sentences one after another ``[n]``, at 48 kHz.

    Raises:
        MissingExtraError: espeak-ng is not installed.
    """
    if shutil.which("espeak-ng") is None:
        raise MissingExtraError("espeak-ng is not installed; run: apt-get install espeak-ng")
    parts = []
    for sentence in SENTENCES:
        wave = subprocess.run(["espeak-ng", "--stdout", sentence], check=True, capture_output=True).stdout
        resampler = av.AudioResampler("flt", "mono", 48_000)
        with av.open(io.BytesIO(wave)) as container:
            frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        parts += [frame.to_ndarray().reshape(-1) for frame in [*frames, *resampler.resample(None)]]
        parts.append(np.zeros(24_000, np.float32))
    return np.concatenate(parts)


def second_of(speech: NDArray[np.float32], second: int) -> NDArray[np.float32]:
    """The sound ``[48000]`` of a second: speech in the first third of each minute, then a quiet tone."""
    if second % 60 >= SPOKEN_SECONDS:
        return (0.02 * np.sin(2 * np.pi * 220 * np.arange(48_000) / 48_000)).astype(np.float32)
    return np.resize(speech, SPOKEN_SECONDS * 48_000)[second % 60 * 48_000 :][:48_000]
