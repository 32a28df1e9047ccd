"""Videos and sounds that lack something, by the commands: indexed with all experts that are here, found, explained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import index
from retrieval import Library
from retrieval.settings import IndexSettings, Settings
from retrieval.training.composed.film import write_film, write_sound
from retrieval.training.composed.sounds import SAMPLE_RATE
from tests.end_to_end.conftest import Vidi, photograph, picture

SECONDS = 6
TONE = (0.2 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE)).astype(np.float32)
SILENCE = np.zeros_like(TONE)


def frames(seed: int, count: int = SECONDS * 10) -> list[NDArray[np.uint8]]:
    """``[240, 320, 3]``: a camera that moves over a picture of its own."""
    wide = np.asarray(picture(seed).resize((320 + count, 240)))
    return [wide[:, number : number + 320] for number in range(count)]


def write_slowly(path: Path, seed: int, rate: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number, pixels in enumerate(frames(seed, SECONDS * rate)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_set_back(path: Path) -> None:
    """Two recordings, each of which begins at 0, joined."""
    parts = []
    for seed in (20, 21):
        part = path.with_name(f"part{seed}.ts")
        with av.open(str(part), "w") as container:
            stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
            for pixels in frames(seed):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")))
            container.mux(stream.encode(None))
        parts.append(part.read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


def write_damaged(path: Path) -> None:
    """Random bytes in the middle third."""
    write_film(frames(30), TONE, path)
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = np.random.default_rng(0).bytes(third)
    path.write_bytes(content)


LENGTHS = {
    "no sound.mp4": SECONDS, "silence.mp4": SECONDS, "one frame.mp4": 0.1, "five a second.mp4": SECONDS,
    "set back.ts": 2 * SECONDS, "one colour.mp4": SECONDS, "sound alone.wav": SECONDS, "silence.wav": SECONDS,
    "a cat.mp4": SECONDS, "blip.wav": 0.05,
}  # fmt: skip
UNUSABLE = ("no video.mp4", "empty.mp4")
QUERY = "a cat"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    write_film(frames(1), None, folder / "no sound.mp4")
    write_film(frames(2), SILENCE, folder / "silence.mp4")
    write_film(frames(3, 1), None, folder / "one frame.mp4")
    write_slowly(folder / "five a second.mp4", seed=4, rate=5)
    write_set_back(folder / "set back.ts")
    write_film([np.full((240, 320, 3), 90, np.uint8)] * SECONDS * 10, TONE, folder / "one colour.mp4")
    write_sound(TONE, folder / "sound alone.wav")
    write_sound(SILENCE, folder / "silence.wav")
    write_sound(TONE[: SAMPLE_RATE // 20], folder / "blip.wav")
    cat = np.asarray(photograph("chelsea.png").resize((320, 240)))
    write_film([cat] * SECONDS * 10, TONE, folder / "a cat.mp4")
    write_damaged(folder / "damaged.mp4")
    (folder / "no video.mp4").write_bytes(b"words")
    (folder / "empty.mp4").touch()
    return folder


@pytest.fixture(scope="module")
def library(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Indexed in a new process; what can't be used is told, and all else has windows."""
    folder = tmp_path_factory.mktemp("library") / "library"
    command = [sys.executable, "-m", "ui.command_line", "--library", str(folder), "index", str(media), "--json"]
    surroundings = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=surroundings)
    report = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    assert report["failed"] in (len(UNUSABLE), len(UNUSABLE) + 1), report  # of the damaged one nothing may be left
    assert report["windowed"] == report["indexed"] == len(LENGTHS) + len(UNUSABLE) + 1 - report["failed"], report
    return folder


@pytest.mark.parametrize("how", [(), ("--by", "frames"), ("--space", "mmt/starter", "--by", "space")], ids=str)
def test_all_that_can_be_used_is_found_within_its_own_time(library: Path, vidi: Vidi, how: tuple[str, ...]) -> None:
    done = vidi("search", "--json", "--anyway", QUERY, *how, library=library)
    assert done.returncode == 0, done.stderr
    hits: dict[str, Any] = {Path(hit["path"]).name: hit for hit in json.loads(done.stdout)["hits"]}
    assert next(iter(hits)) == "a cat.mp4"
    expected = {name for name in LENGTHS if how != ("--by", "frames") or not name.endswith(".wav")}
    assert expected <= hits.keys() <= expected | {"damaged.mp4"}
    for name in expected:
        for moment in hits[name]["moments"]:
            assert 0 <= moment["start_seconds"] < moment["end_seconds"] <= LENGTHS[name] + 0.3, name
        assert 0 <= hits[name]["score"] <= 1
        assert sum(reason["share"] for reason in hits[name]["why"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", [*LENGTHS, *UNUSABLE])
def test_why_shows_where_or_says_in_a_line_why_not(
    library: Path, media: Path, vidi: Vidi, tmp_path: Path, name: str
) -> None:
    done = vidi("why", media / name, QUERY, "--out", tmp_path / "why.png", library=library)
    if name in UNUSABLE or name.endswith(".wav"):
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1
        assert name in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "why.png").exists()


def test_status_tells_what_could_not_be_used(library: Path, vidi: Vidi) -> None:
    done = vidi("status", "--failed", library=library)
    assert done.returncode == 0
    for name in UNUSABLE:
        (line,) = [line for line in done.stdout.splitlines() if name in line]
        assert line.strip() != name


def test_an_expert_that_half_of_the_videos_lack_is_masked_there(media: Path, tmp_path: Path) -> None:
    """Frames of two, indexed without any other expert; then two that all are asked of."""
    names = ["no sound.mp4", "one colour.mp4", "five a second.mp4", "a cat.mp4"]
    nobody = Settings(index=IndexSettings(experts=()))
    index([media / name for name in names[:2]], tmp_path / "library", settings=nobody)
    index([media / name for name in names[2:]], tmp_path / "library", settings=Settings())
    with Library(tmp_path / "library") as library:
        hits = library.search("a cat and a tone", anyway=True).hits
        assert {hit.path.name for hit in hits} == set(names)
        assert hits[0].path.name == "a cat.mp4"
        assert all(np.isfinite(hit.score) and hit.moments and hit.why for hit in hits)
