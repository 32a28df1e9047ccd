"""From photographs to a trained folder."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DatasetError
from retrieval.evaluation.captions import CaptionedItem
from retrieval.experts.motion import Motion
from retrieval.experts.registry import Experts
from retrieval.models.mmt_folder import read_mmt_folder
from retrieval.training.composed.clip_set import ComposedClips
from retrieval.training.composed.drawing import draw_parts, draw_training
from retrieval.training.composed.parts import NamedSound, Quiet
from retrieval.training.composed.source import ComposedSource, read_photographs
from retrieval.training.mmt import run as run_module
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.recipe import MmtRecipe
from retrieval.training.mmt.run import MmtRun
from retrieval.types import FeatureTrack


@pytest.fixture
def table(photographs: list[CaptionedItem], tmp_path: Path) -> Path:
    rows = [("path", "caption"), *((str(item.path), caption) for item in photographs for caption in item.captions)]
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "captions.csv"


def test_videos_are_no_photographs(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("path,caption\na.mp4,x\nb.png,y\n")
    with pytest.raises(DatasetError, match="has 1 captioned pictures, expected at least 50 to compose videos of"):
        read_photographs(tmp_path / "captions.csv")


def test_a_clip_with_a_part_that_could_not_be_read_is_left_out(
    photographs: list[CaptionedItem], sounds: list[NamedSound]
) -> None:
    drawn = draw_parts(photographs, sounds, noises=6, sayings=6, seed=0)
    row = FeatureTrack(np.array([[0, 4]], np.float32), np.ones((1, 164), np.float16))
    tracks = {atom: {"motion": row} for atom in (*drawn.shots[1:], *drawn.noises, *drawn.sayings, Quiet())}
    clips = list(draw_training(drawn, 300, 0))
    made = ComposedClips(clips, tracks, StarterPictures())
    lost = [clip for clip in clips if any(event.shot == drawn.shots[0] for event in clip.events)]
    assert lost
    assert len(made) == len(clips) - len(lost)
    first = made[0]
    assert first.captions == (made.clips[0].caption,)
    assert first.window.frame is not None
    assert not first.window.frame.any()  # no frame was seen
    assert len(first.window.tracks["motion"]) == len(made.clips[0].events)


@pytest.mark.long
def test_a_space_is_trained_on_composed_clips(
    table: Path, sounds: list[NamedSound], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "time_experts", lambda **_: Experts([Motion()]))
    lines: list[str] = []
    source = ComposedSource(
        photographs=table, atoms=tmp_path / "atoms", sounds=(sounds[0].file.parent,), clips=60, noises_a_sound=2,
        sayings=4, held_out=0.2,
    )  # fmt: skip
    run = MmtRun(
        source=source, out=tmp_path / "out", say=lines.append, command="vidi train mmt --compose",
        tracks=tmp_path / "tracks", recipe=MmtRecipe(epochs=1, batch=8), width=16, layers=1,
    )  # fmt: skip
    card = run.train()
    assert card["data"]["photographs"] == 60
    assert card["data"]["clips"] >= 60
    assert read_mmt_folder(tmp_path / "out").config.names == ("appearance", "motion")
