"""Memory and time of very long videos: `python -m benchmarks.long_video --media DIR [--hours 1 10]`.

Ten minutes of pans over photographs, a third of them spoken over, are encoded once and their packets copied again and
again. All is indexed by `vidi index` in a new process, with every expert that is here and the video transformer; a
second one makes the windows of a copy of that model alone, from the tracks that are kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
from av.packet import Packet
from av.stream import Stream

from benchmarks.experts import WRITINGS, second_of, spoken_sentences
from benchmarks.library import timed, vidi
from benchmarks.machine import describe_machine
from benchmarks.media import make_video
from retrieval.spaces.mmt import MMT_STARTER

__all__ = ["main", "measure_long_video", "repeat_video"]

RESULTS: Final = Path(__file__).parent / "results"
HOURS: Final = (1.0, 10.0)
PART_SECONDS: Final = 600
SIZE: Final = (320, 240)
RATE: Final = 5
MEMORY_ASKED: Final = 2 * 10**9
QUERY: Final = "a cat looks into the camera"

_Memory = list[tuple[float, int]]
"""Seconds since the start of a process, and bytes that it and its children hold together."""


def main() -> None:
    """Measure some lengths, and write ``benchmarks/results/long_video.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, nargs="+", default=HOURS, help="lengths of the videos")
    parser.add_argument("--media", type=Path, required=True, help="where videos and libraries are kept")
    parser.add_argument("--out", type=Path, default=RESULTS / "long_video.json")
    arguments = parser.parse_args()
    figures = measure_long_video(arguments.media, hours=arguments.hours)
    measured = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": describe_machine()}
    arguments.out.write_text(json.dumps(measured | {"figures": figures}, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


def measure_long_video(folder: Path, *, hours: Sequence[float] = HOURS) -> dict[str, Any]:
    """Figures of videos of so many ``hours``, each indexed into a library of its own."""
    by_length = {f"{each:g} hours": _measure(folder, each) for each in hours}
    return {"memory_asked_bytes": MEMORY_ASKED, **by_length}


def _measure(folder: Path, hours: float) -> dict[str, Any]:
    """Index a video of ``hours`` under watch, then its windows anew, then search it."""
    video, library = _long_video(folder, hours), folder / f"library-{hours:g}"
    memory: _Memory = []
    seconds = timed(lambda: vidi(library, "index", str(video), watch=memory.append, every_seconds=1))
    windows: _Memory = []
    model = shutil.copytree(MMT_STARTER, folder / "model", dirs_exist_ok=True).absolute()
    report, windows_seconds = _timed_report(library, video, model, windows)
    assert (report["windowed"], report["indexed"], report["failed"]) == (1, 0, 0), report
    found: _Memory = []
    search = timed(lambda: _found(vidi(library, "search", QUERY, "--json", "--anyway", watch=found.append)))
    return {
        "video_bytes": video.stat().st_size,
        "index_seconds": round(seconds, 1),
        "times_real_time": round(hours * 3600 / seconds, 2),
        "memory_peak_bytes_pss": _peak(memory),
        "memory_peak_by_tenth_of_the_run": dict(enumerate(by_tenth(memory), start=1)),
        "windows_alone": {"seconds": round(windows_seconds, 1), "memory_peak_bytes_pss": _peak(windows)},
        "search": {"seconds": round(search, 2), "memory_peak_bytes_pss": _peak(found)},
        "library_bytes": sum(path.stat().st_size for path in library.rglob("*") if path.is_file()),
    }


def by_tenth(memory: Sequence[tuple[float, int]]) -> list[int]:
    """The most bytes in each tenth of a run: as its parts are alike, those in each tenth of the video, and at last
    what it takes to write all down."""
    end = memory[-1][0]
    return [
        max((size for at, size in memory if end * tenth <= 10 * at <= end * (tenth + 1)), default=0)
        for tenth in range(10)
    ]


def _peak(memory: Sequence[tuple[float, int]]) -> int:
    return max(size for _, size in memory)


def _timed_report(library: Path, video: Path, model: Path, memory: _Memory) -> tuple[dict[str, Any], float]:
    began = time.perf_counter()
    said = vidi(library, "index", str(video), "--space", f"mmt{model}", "--json", watch=memory.append)
    return json.loads(said), time.perf_counter() - began


def _found(said: str) -> None:
    (hit,) = json.loads(said)["hits"]
    assert hit["moments"], hit


# --------------------------------------------------------------------------------------------------------------- video


def _long_video(folder: Path, hours: float) -> Path:
    """``hours`` of H.264 with sound in a folder of their own."""
    speech = spoken_sentences()
    part = make_video(
        folder / "part.mp4",
        PART_SECONDS,
        SIZE,
        RATE,
        sound_of=lambda second: second_of(speech, second),
        writing_of=lambda shot: WRITINGS[shot % len(WRITINGS)],
    )
    return repeat_video(part, folder / f"{hours:g}" / "long.mp4", hours * 3600)


def repeat_video(part: Path, path: Path, seconds: float) -> Path:
    """``part`` again and again, packet by packet, until it has lasted ``seconds``; nothing is encoded."""
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.mp4")
    with av.open(str(temporary), "w") as container:
        streams: dict[int, Stream] = {}
        start = Fraction(0)
        while start < seconds:
            with av.open(str(part)) as source:
                for stream in source.streams:
                    if stream.index not in streams:
                        streams[stream.index] = container.add_stream_from_template(stream)
                for packet in source.demux():
                    if packet.size and packet.pts is not None and _seconds(packet, packet.pts) + start < seconds:
                        container.mux(_moved(packet, start, streams[packet.stream_index]))
                # A frame more: what is to be decoded first comes before the first that is seen.
                start += Fraction(source.duration or 0, av.time_base) + Fraction(1, RATE)
    temporary.replace(path)
    return path


def _moved(packet: Packet[Stream], by_seconds: Fraction, stream: Stream) -> Packet[Stream]:
    shift = int(by_seconds / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + shift
    packet.dts = None if packet.dts is None else packet.dts + shift
    packet.stream = stream
    return packet


def _seconds(packet: Packet[Stream], stamp: int) -> Fraction:
    return stamp * packet.time_base


if __name__ == "__main__":
    main()
