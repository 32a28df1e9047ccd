"""A person's own classifier from their folders to their search: train, tag what is indexed, find by the tag."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ui.command_line import main
from ui.exit_codes import EXIT_FAILURE

Captured = pytest.CaptureFixture[str]


def draw(path: Path, kind: str, seed: int) -> None:
    """Stripes or discs, of a picture's own colours and places."""
    generator = np.random.default_rng([seed, len(kind)])
    light, dark = (tuple(map(int, generator.integers(low, low + 100, 3))) for low in (150, 0))
    image = Image.new("RGB", (160, 120), light)
    pen = ImageDraw.Draw(image)
    for _ in range(9):
        left, top = (int(place) for place in generator.integers(0, (150, 110)))
        if kind == "stripes":
            pen.line((left, 0, left, 120), fill=dark, width=6)
        else:
            pen.ellipse((left, top, left + 25, top + 25), fill=dark)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


@pytest.fixture
def vidi(tmp_path: Path) -> Callable[..., int]:
    return lambda *arguments: main(["--library", str(tmp_path / "library"), *map(str, arguments)])


def test_a_head_of_ones_own_tags_the_library(tmp_path: Path, vidi: Callable[..., int], capsys: Captured) -> None:
    for kind in ("stripes", "discs"):
        for seed in range(12):
            draw(tmp_path / "labelled" / kind / f"{seed}.png", kind, seed)
        for seed in range(100, 103):
            draw(tmp_path / "media" / f"{kind}-{seed}.png", kind, seed)
    mine = tmp_path / "patterns"
    assert vidi("train", "classifier", tmp_path / "labelled", "--out", mine) == 0
    assert vidi("index", tmp_path / "media") == 0
    capsys.readouterr()
    assert vidi("tag", "--classifier", mine, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["taggers"][0]["name"], printed["taggers"][0]["assets"]) == ("classifier/patterns", 6)
    for file in printed["files"]:
        kind = Path(file["path"]).name.split("-")[0]
        assert [(tag["label"], tag["source"]) for tag in file["tags"]] == [(kind, "classifier/patterns")]
    assert vidi("search", "a pattern", "--tag", "Stripes", "--anyway", "--json") == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert {Path(hit["path"]).name for hit in hits} == {f"stripes-{seed}.png" for seed in range(100, 103)}
    assert all(tag["label"] == "stripes" for hit in hits for tag in hit["tags"])
    assert vidi("tag", "--classifier", mine) == 0
    assert "classifier/patterns: nothing new" in capsys.readouterr().err


def test_a_model_of_ones_own_tags_the_library(
    tmp_path: Path, vidi: Callable[..., int], colour_model: Path, capsys: Captured
) -> None:
    (tmp_path / "media").mkdir()
    Image.new("RGB", (90, 60), (220, 30, 30)).save(tmp_path / "media" / "red.png")
    Image.new("RGB", (90, 60), (40, 70, 220)).save(tmp_path / "media" / "blue.png")
    assert vidi("index", tmp_path / "media") == 0
    (tmp_path / "media" / "blue.png").write_bytes(b"no picture")
    capsys.readouterr()
    assert vidi("tag", "--classifier", colour_model) == 0
    shown = capsys.readouterr()
    assert shown.out == "1  red\n"
    assert f"vidi: {tmp_path}/media/blue.png can't be looked at: " in shown.err
    assert "classifier/colours: 1 tag for 1 of 1 picture" in shown.err
    assert "classifier/colours could not look at 1 file; the next run tries again" in shown.err


def test_a_folder_that_is_no_classifier_is_a_plain_line(
    tmp_path: Path, vidi: Callable[..., int], capsys: Captured
) -> None:
    for command in (("tag",), ("why", tmp_path / "a.jpg", "red"), ("eval", "tags", "--labels", __file__)):
        assert vidi(*command, "--classifier", tmp_path) == EXIT_FAILURE
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.count("\n") == 1
