"""Clips are rendered as video that decodes to what was drawn."""

from __future__ import annotations

import csv
import errno
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DatasetError, UsageError
from retrieval.evaluation.captions import CaptionedItem, read_captions
from retrieval.training.composed import atoms
from retrieval.training.composed.atoms import render_parts
from retrieval.training.composed.camera import frames_of
from retrieval.training.composed.drawing import Parts, draw_parts
from retrieval.training.composed.film import write_clip
from retrieval.training.composed.generate import draw_clips, generate
from retrieval.training.composed.parts import Clip, Event, Kind, NamedSound, Noise, Quiet, Shot
from retrieval.training.composed.sounds import SAMPLE_RATE
from tests.retrieval.training.composed.conftest import decoded


def ignore(line: str) -> None:
    """What is told is of no interest."""


def test_frames_and_sound_are_those_of_the_events(shot: Shot, sounds: list[NamedSound], tmp_path: Path) -> None:
    events = (Event(shot, 2), Event(replace(shot, seed=2), 1, Noise(sounds[0], 0)))
    write_clip(Clip(Kind.TWO, 0, events, "one, then another", True), tmp_path / "a.mp4")
    frames, wave = decoded(tmp_path / "a.mp4")
    drawn = [frame for event in events for frame in frames_of(event.shot, event.seconds)]
    assert len(frames) == len(drawn) == 30
    apart = [np.abs(a.astype(float) - b).mean() for a, b in zip(frames, drawn, strict=True)]
    assert max(apart) < 6
    assert len(wave) / SAMPLE_RATE == pytest.approx(3, abs=0.2)
    assert np.abs(wave[: 3 * SAMPLE_RATE // 2]).max() < 0.01
    assert np.abs(wave[2 * SAMPLE_RATE :]).max() > 0.05


def test_a_clip_without_sound_has_no_sound_track(shot: Shot, tmp_path: Path) -> None:
    write_clip(Clip(Kind.ONE, 0, (Event(shot, 1),), "one", False), tmp_path / "a.mp4")
    assert not len(decoded(tmp_path / "a.mp4")[1])


def test_parts_are_rendered_once_and_one_bad_photograph_costs_itself(
    photographs: list[CaptionedItem], sounds: list[NamedSound], tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    items = [*photographs[:2], CaptionedItem(tmp_path / "bad.png", None, ("nothing",))]
    parts = draw_parts(items, sounds[:1], noises=1, sayings=0, seed=0)
    first = render_parts(parts, tmp_path / "atoms", ignore)
    assert len(first.left_out) == len(parts.photographs[2])
    assert "bad.png" in first.left_out[0]
    assert set(first.paths) == {*parts.photographs[0], *parts.photographs[1], *parts.noises, Quiet()}
    times = {path: path.stat().st_mtime_ns for path in first.paths.values()}
    again = render_parts(parts, tmp_path / "atoms", ignore)
    assert {path: path.stat().st_mtime_ns for path in again.paths.values()} == times


def test_what_was_rendered_of_a_photograph_or_sound_that_changed_is_not_taken(
    photographs: list[CaptionedItem], sounds: list[NamedSound], tmp_path: Path
) -> None:
    own, horn = tmp_path / "own.png", tmp_path / "horn.wav"
    own.write_bytes(photographs[0].path.read_bytes())
    horn.write_bytes(sounds[0].file.read_bytes())
    named = replace(sounds[0], file=horn)
    parts = draw_parts([CaptionedItem(own, None, ("a",))], [named], noises=1, sayings=0, seed=0)
    before = render_parts(parts, tmp_path / "atoms", ignore).paths
    own.write_bytes(photographs[1].path.read_bytes())
    horn.write_bytes(sounds[1].file.read_bytes() + b"\0\0")
    after = render_parts(parts, tmp_path / "atoms", ignore).paths
    assert {atom for atom in before if before[atom] == after[atom]} == {Quiet()}


def test_a_full_disk_ends_the_rendering_with_a_plain_line(
    photographs: list[CaptionedItem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each photograph would be taken for a bad one."""

    def full(*_parts: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atoms, "write_film", full)
    parts = draw_parts(photographs[:2], [], noises=0, sayings=0, seed=0)
    with pytest.raises(UsageError, match=r"can't be written: No space left on device; free some.*--atoms DIR"):
        render_parts(parts, tmp_path / "atoms", ignore)


def test_a_folder_that_cant_be_written_is_refused_before_anything_is_rendered(
    photographs: list[CaptionedItem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_name: object, **_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    with pytest.raises(UsageError, match=r"can't be written: Permission denied"):
        render_parts(Parts((), (), ()), tmp_path / "atoms", ignore)


def test_a_folder_that_cant_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        render_parts(Parts((), (), ()), tmp_path / "file" / "atoms", ignore)


@pytest.fixture
def table(photographs: list[CaptionedItem], tmp_path: Path) -> Path:
    rows = [("path", "caption"), *((str(item.path), caption) for item in photographs for caption in item.captions)]
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "captions.csv"


def test_a_stranger_gets_videos_and_their_table(
    table: Path, sounds: list[NamedSound], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = lambda saying: np.zeros(SAMPLE_RATE, np.float32)  # noqa: E731
    monkeypatch.setattr("retrieval.training.composed.sounds._saying_wave", silent)
    clips = draw_clips(table, 8, 0, [sounds[0].file.parent])
    paths = generate(clips, tmp_path / "out", ignore)
    items = read_captions(tmp_path / "out" / "captions.csv")
    assert [item.path for item in items] == paths
    assert [item.captions for item in items] == [(clip.caption,) for clip in clips]
    told = json.loads((tmp_path / "out" / "clips.json").read_text())
    assert [clip["kind"] for clip in told] == [clip.kind.value for clip in clips]
    assert len(decoded(paths[2])[0]) == 10 * clips[2].seconds


def test_a_table_with_too_few_photographs_is_refused(table: Path, sounds: list[NamedSound], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="60 photographs are too few for 100 clips"):
        draw_clips(table, 100, 0, [sounds[0].file.parent])
    few = tmp_path / "few.csv"
    few.write_text("\n".join(table.read_text().splitlines()[:11]) + "\n")
    with pytest.raises(DatasetError, match="has 5 captioned pictures, expected at least 50"):
        draw_clips(few, 8, 0, [sounds[0].file.parent])
