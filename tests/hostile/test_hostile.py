"""Harmed files of every format: none ends the run, each is accounted for, and the sound ones among them are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.hostile import measure_hostile
from benchmarks.hostile_files import HARMS, make_hostile_files, make_sound_files


def check(figures: dict[str, Any]) -> None:
    assert (figures["exit_code"], figures["tracebacks"], figures["printed"]) == (0, 0, "")
    assert (figures["unaccounted"], figures["waiting"], figures["indexed_and_failed"]) == ([], 0, 0)
    assert figures["indexed"] + figures["failed"] == figures["files"] == figures["harmed"] + figures["sound"]
    assert figures["failed"] > figures["harmed"] / 5
    assert (figures["sound_not_indexed"], figures["sound_not_found"]) == ([], [])


def test_a_few_harmed_files_of_each_format(tmp_path: Path) -> None:
    check(measure_hostile(tmp_path, count=66, seed=5))


@pytest.mark.long
def test_five_thousand_harmed_files(tmp_path: Path) -> None:
    check(measure_hostile(tmp_path, count=5_000))


def test_the_set_holds_every_format_and_every_harm(tmp_path: Path) -> None:
    formats = {path.suffix for path in make_sound_files(tmp_path / "sound")}
    wanted = "jpg png webp gif tif bmp heic avif dng mp4 mov mkv webm avi mpg flv wmv wav mp3 flac ogg m4a aiff"
    assert formats == {f".{extension}" for extension in wanted.split()}
    sources = len(list((tmp_path / "sound").iterdir()))
    made = list(make_hostile_files(tmp_path / "harmed", sources * len(HARMS)))
    assert {file.harm for file in made} == HARMS.keys()
    assert len({(file.source, file.harm) for file in made}) == len(HARMS) * len(formats)
    sound = {path.read_bytes() for path in (tmp_path / "sound").iterdir()}
    assert not sound & {file.path.read_bytes() for file in made}


def test_one_seed_makes_one_set(tmp_path: Path) -> None:
    """But for containers that write random numbers of their own."""
    sets = [list(make_hostile_files(tmp_path / str(seed + again), 60, seed)) for seed in (3, 9) for again in (0, 1)]
    contents = [[file.path.read_bytes() for file in made if file.source in ("jpg", "png", "gif")] for made in sets]
    assert contents[0] == contents[1]
    assert contents[2] == contents[3]
    assert contents[0] != contents[2]
