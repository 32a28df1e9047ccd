"""Small real media, made by the tests, and the command line as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ui.sample_media import sample_media

Vidi = Callable[..., "subprocess.CompletedProcess[str]"]

SHOTS = ("chelsea.png", "coffee.png", "rocket.jpg")
"""What the video of the tree shows, three seconds each: a cat, a cup of coffee, a rocket."""

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 70, 220), "white": (240, 240, 240)}


def picture(seed: int) -> Image.Image:
    """A picture unlike any other seed's: coloured shapes on a gradient, with grain."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, 320)[None, :, None] * generator.uniform(60, 220, 3)
    pixels = np.broadcast_to(ramp, (240, 320, 3)) + generator.normal(0, 4, (240, 320, 3))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        left, top = generator.integers(0, 240), generator.integers(0, 180)
        box = [int(left), int(top), int(left + generator.integers(20, 80)), int(top + generator.integers(20, 60))]
        colour = list(COLOURS.values())[int(generator.integers(0, 4))]
        (draw.ellipse if generator.random() < 0.5 else draw.rectangle)(box, fill=colour)
    return image


def photograph(name: str) -> Image.Image:
    """A sample photograph, as the demo has it."""
    (path,) = [path for path in sample_media()[0] if path.name == name]
    return Image.open(path).convert("RGB")


def write_video(path: Path, shots: list[NDArray[np.uint8]], seconds_each: int = 3, rate: int = 10) -> None:
    """A video of still shots, one after the other."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *shots[0].shape[:2], "yuv420p"
        for number in range(len(shots) * seconds_each * rate):
            frame = av.VideoFrame.from_ndarray(shots[number // (seconds_each * rate)], format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_tree(folder: Path, pictures: int = 10) -> Path:
    """Pictures, a video of three shots, a copy, and four files with troubles."""
    (folder / "deeper").mkdir(parents=True)
    for seed in range(pictures):
        picture(seed).save(folder / ("deeper" if seed % 2 else "") / f"{seed}.jpg", quality=90)
    (folder / "copy of 0.jpg").write_bytes((folder / "0.jpg").read_bytes())
    write_video(folder / "shots.mp4", [np.asarray(photograph(name).resize((320, 240))) for name in SHOTS])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("this is not a picture")
    (folder / "cut.jpg").write_bytes((folder / "2.jpg").read_bytes()[:3000])
    (folder / "cut.mp4").write_bytes((folder / "shots.mp4").read_bytes()[:5000])
    return folder


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tree for tests that only read it."""
    return make_tree(tmp_path_factory.mktemp("media") / "tree")


@pytest.fixture
def draw_pictures() -> Callable[..., None]:
    """Draws so many more pictures into a folder, none of them in the tree."""

    def draw(folder: Path, *, count: int, first: int = 1000) -> None:
        folder.mkdir()
        for seed in range(first, first + count):
            picture(seed).save(folder / f"{seed}.jpg")

    return draw


@pytest.fixture
def vidi(tmp_path: Path) -> Vidi:
    """Runs the command in a new process, with an empty HOME; its library is this test's own."""

    def run(*arguments: str | Path, library: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ui.command_line", "--library", str(library or tmp_path / "library")]
        environment = os.environ | {"HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.getcwd()}
        return subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=120, check=False
        )

    return run
