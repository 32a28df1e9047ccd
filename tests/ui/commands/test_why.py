"""`vidi why`: what it writes and says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.search import why as searching
from ui.command_line import main


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """White all over; what speaks for anything is its upper right corner."""
    heat = np.zeros((7, 7), np.float32)
    heat[0, 6] = 1
    found = searching.Explanation(heat, "starter", 0.25, None)
    monkeypatch.setattr(searching, "explain", lambda *_, **__: found)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (140, 70), "white").save(path)
    return path


def test_it_writes_a_picture_that_is_bright_where_the_heat_is(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", str(picture), "a cat"]) == 0
    with Image.open("photo.why.png") as drawn:
        written = np.asarray(drawn).astype(int).sum(axis=2)
    assert written.shape == (70, 140)
    assert written[2, 137] > written[60, 5] + 100
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("photo.why.png: what speaks for 'a cat', as starter sees it")
    assert lines[1] == "Most of all: 93% from the left, 7% from the top."


def test_json_and_another_name(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(picture), "a cat", "--out", "heat.webp", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(picture),
        "asked": "a cat",
        "source": "starter",
        "score": 0.25,
        "time_seconds": None,
        "peak": {"x": 0.929, "y": 0.071},
        "out": "heat.webp",
    }
    with Image.open("heat.webp") as written:
        assert written.format == "WEBP"


def test_the_original_is_never_written(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = picture.read_bytes()
    assert main(["why", str(picture), "a cat", "--out", str(picture)]) == 2
    assert "is the picture itself" in capsys.readouterr().err
    assert picture.read_bytes() == before


def test_a_name_that_is_no_picture_is_refused(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(picture), "a cat", "--out", "heat.txt"]) == 2
    assert "expected .png" in capsys.readouterr().err


def test_another_picture_is_never_written_over(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = picture.with_name("other.jpg")
    Image.new("RGB", (10, 10), "red").save(other)
    before = other.read_bytes()
    assert main(["why", str(picture), "a cat", "--out", str(other)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert other.read_bytes() == before
