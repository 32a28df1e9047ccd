"""Films whose events are known to a tenth of a second, indexed and asked by the commands: when does what happen?"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from retrieval.training.composed.film import write_film
from retrieval.training.composed.parts import Saying
from retrieval.training.composed.sounds import SAMPLE_RATE, heard_wave
from tests.end_to_end.conftest import Vidi, photograph

SIZE = (320, 240)
RATE = 10
SIGN = "RIVERTON"
SENTENCE = "Please open the window, and close the door behind you."
SPOKEN_FROM = 70.4
WRITTEN = (88.6, 97.2)
NEAR = 0.5 + 1e-3


@dataclass(frozen=True)
class Event:
    """A photograph under a moving camera, until a second."""

    photograph: str
    end: float
    asked: str = ""


FILM = (
    Event("chelsea.png", 6.7, "a cat"),
    Event("brick.png", 15.0),
    Event("grass.png", 24.4),
    Event("gravel.png", 33.0),
    Event("coins.png", 41.3),
    Event("rocket.jpg", 47.8, "a rocket on its launch pad"),
    Event("moon.png", 49.1),
    Event("coffee.png", 53.5, "a cup of coffee"),
    Event("hubble_deep_field.jpg", 62.2),
    Event("grass.png", 80.0),
    Event("gravel.png", 104.9),
    Event("flower.jpg", 112.4, "a flower"),
    Event("brick.png", 121.6),
    Event("coins.png", 143.2),
    Event("motorcycle_left.png", 150.4, "a motorcycle"),
)
STARTS = (0.0, *(event.end for event in FILM))
ASKED = [(event.asked, start, event.end) for event, start in zip(FILM, STARTS, strict=False) if event.asked]


def frames_of(name: str, seconds: float, seed: int = 0) -> Iterator[NDArray[np.uint8]]:
    """``[240, 320, 3]``, ten a second: the camera nears a place of its own, and trembles."""
    photo = photograph(name).resize((400, 300))
    rng = np.random.default_rng([seed, *name.encode()])
    aim, count = rng.uniform(0.3, 0.7, 2), round(seconds * RATE)
    for number in range(count):
        width, height = (side * (1 - 0.2 * number / count) for side in photo.size)
        left, top = (photo.width - width) * aim[0], (photo.height - height) * aim[1]
        tremble = rng.uniform(-0.8, 0.8, 2)
        box = (max(0, left + tremble[0]), max(0, top + tremble[1]), left + width - 1, top + height - 1)
        yield np.asarray(photo.resize(SIZE, Image.Resampling.BILINEAR, box))


def film_frames() -> Iterator[NDArray[np.uint8]]:
    number = 0
    for event, start in zip(FILM, STARTS, strict=False):
        for pixels in frames_of(event.photograph, event.end - start):
            yield _with_sign(pixels) if WRITTEN[0] <= number / RATE < WRITTEN[1] else pixels
            number += 1


def _with_sign(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 180, 310, 215), fill="white")
    draw.text((90, 184), SIGN, fill="black", font=ImageFont.load_default(22))
    return np.asarray(image)


def index(media: Path, library: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "ui.command_line", "--library", str(library), "index", str(media), "--json"]
    surroundings = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=True, env=surroundings)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def ask(vidi: Vidi) -> Ask:
    def hits(library: Path, *query: str) -> list[dict[str, Any]]:
        done = vidi("search", "--json", "--anyway", *query, library=library)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, Any]] = json.loads(done.stdout)["hits"]
        return found

    return hits


# ------------------------------------------------------------------------------------------------------- one film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of the film."""
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    folder = tmp_path_factory.mktemp("film")
    wave = np.zeros(round(FILM[-1].end * SAMPLE_RATE), np.float32)
    spoken = heard_wave(Saying(SENTENCE, "en-us", 150, 0), 8)
    at = round(SPOKEN_FROM * SAMPLE_RATE)
    wave[at : at + len(spoken)] = spoken
    (folder / "media").mkdir()
    write_film(film_frames(), wave, folder / "media" / "film.mp4")
    report = index(folder / "media", folder / "library")
    assert (report["videos"], report["windowed"], report["failed"]) == (1, 1, 0), report
    return folder / "library"


@pytest.mark.long
@pytest.mark.parametrize(
    "how",
    [(), ("--by", "frames"), ("--space", "mmt/starter", "--by", "space")],
    ids=["fused", "frames", "windows alone"],
)
@pytest.mark.parametrize(("asked", "start", "end"), ASKED, ids=[asked for asked, *_ in ASKED])
def test_what_is_seen_is_told_to_half_a_second(
    film: Path, ask: Ask, how: tuple[str, ...], asked: str, start: float, end: float
) -> None:
    (hit,) = ask(film, asked, *how)
    assert hit["start_seconds"] == pytest.approx(start, abs=NEAR)
    assert hit["end_seconds"] == pytest.approx(end, abs=NEAR)
    moments = [(moment["start_seconds"], moment["end_seconds"]) for moment in hit["moments"]]
    assert all(0 <= first < last <= FILM[-1].end + 0.1 for first, last in moments)
    rising = sorted(moments)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(rising)), "some touch"


@pytest.mark.long
@pytest.mark.parametrize("how", [(), ("--by", "speech")], ids=["fused", "speech"])
def test_what_is_said_is_told_to_a_second(film: Path, ask: Ask, how: tuple[str, ...]) -> None:
    (hit,) = ask(film, "close the door behind you", *how)
    assert hit["start_seconds"] == pytest.approx(SPOKEN_FROM, abs=1)
    assert SPOKEN_FROM < hit["end_seconds"] <= SPOKEN_FROM + 8
    (quote,) = [reason["quote"] for reason in hit["why"] if reason["source"] == "speech"]
    assert "door" in quote


@pytest.mark.long
@pytest.mark.parametrize("how", [(), ("--by", "text")], ids=["fused", "text"])
def test_what_is_written_is_told_to_the_next_look_at_a_screen(film: Path, ask: Ask, how: tuple[str, ...]) -> None:
    (hit,) = ask(film, "riverton", *how)
    start, end = WRITTEN
    assert start - NEAR <= hit["start_seconds"] <= start + 5 + NEAR
    assert end - NEAR <= hit["end_seconds"] <= end + 5 + NEAR


# --------------------------------------------------------------------------------------------------- an hour apart


def write_long_take(path: Path) -> None:
    """A cat, an hour of a wall of which a frame comes every five seconds, and the cat again."""
    shown = [(0.0, each) for each in frames_of("chelsea.png", 4)]
    times = [number / RATE for number in range(len(shown))]
    wall, cat = list(frames_of("brick.png", 0.2)), list(frames_of("chelsea.png", 3.5, seed=1))
    pixels = [each for _, each in shown] + [wall[number % 2] for number in range(720)] + cat
    times += [4.0 + 5 * number for number in range(720)] + [3604.0 + number / RATE for number in range(len(cat))]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt, video.time_base = *SIZE, "yuv420p", Fraction(1, 1000)
        for seconds, each in zip(times, pixels, strict=True):
            frame = av.VideoFrame.from_ndarray(each, format="rgb24")
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


@pytest.mark.long
def test_two_showings_an_hour_apart_are_two_moments(tmp_path: Path, ask: Ask) -> None:
    (tmp_path / "media").mkdir()
    write_long_take(tmp_path / "media" / "hour.mp4")
    assert index(tmp_path / "media", tmp_path / "library")["windowed"] == 1
    (hit,) = ask(tmp_path / "library", "a cat")
    first, second = sorted((moment["start_seconds"], moment["end_seconds"]) for moment in hit["moments"])
    assert first == pytest.approx((0, 4), abs=NEAR)
    assert second == pytest.approx((3604, 3607.5), abs=NEAR)


# ------------------------------------------------------------------------------------------------- one, then another


SHOWN = {
    "chelsea.png": "a cat", "coffee.png": "a cup of coffee", "motorcycle_left.png": "a motorcycle in a garage",
    "flower.jpg": "a flower", "china.jpg": "a palace", "lion.jpg": "a lion", "cheetah.jpg": "a cheetah",
}  # fmt: skip
"""What the frames know each for: that is not what is tested here."""
PAIRS = [
    ("chelsea.png", "coffee.png"), ("motorcycle_left.png", "flower.jpg"), ("china.jpg", "lion.jpg"),
    ("cheetah.jpg", "coffee.png"), ("flower.jpg", "chelsea.png"), ("motorcycle_left.png", "china.jpg"),
    ("lion.jpg", "coffee.png"), ("cheetah.jpg", "motorcycle_left.png"), ("china.jpg", "chelsea.png"),
    ("coffee.png", "flower.jpg"), ("lion.jpg", "motorcycle_left.png"), ("flower.jpg", "cheetah.jpg"),
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize(
    ("how", "measured"),
    [((), 16), (("--space", "mmt/starter", "--by", "space"), 15)],
    ids=["fused", "windows alone"],
)
def test_one_then_another_finds_that_order(orders: Path, ask: Ask, how: tuple[str, ...], measured: int) -> None:
    """Nine in ten of the composed videos that the model is measured on; of these photographs, of other kinds, fewer:
    what was measured (docs/shortfalls.md), where a model blind to order would have twelve."""
    asked = [order for pair in PAIRS for order in (pair, pair[::-1])]
    right = 0
    for first, second in asked:
        hits = ask(orders, f"{SHOWN[first]}, then {SHOWN[second]}", "--top", "24", *how)
        names = [Path(hit["path"]).name for hit in hits]
        right += names.index(film_name(first, second)) < names.index(film_name(second, first))
    assert right >= measured


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of each pair in both orders."""
    folder = tmp_path_factory.mktemp("orders")
    (folder / "media").mkdir()
    for pair in PAIRS:
        for first, second in (pair, pair[::-1]):
            frames = [*frames_of(first, 3, seed=1), *frames_of(second, 3, seed=2)]
            write_film(frames, None, folder / "media" / film_name(first, second))
    assert index(folder / "media", folder / "library")["windowed"] == 2 * len(PAIRS)
    return folder / "library"


def film_name(*shown: str) -> str:
    return "-".join(name.partition(".")[0] for name in shown) + ".mp4"
