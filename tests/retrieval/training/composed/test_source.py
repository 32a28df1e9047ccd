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
from retrieval.training.composed import source as source_module
from retrieval.training.composed.atoms import Atom, RenderedParts
from retrieval.training.composed.clip_set import ComposedClips
from retrieval.training.composed.drawing import Parts, draw_parts, draw_training
from retrieval.training.composed.parts import Kind, NamedSound, Quiet
from retrieval.training.composed.source import FEWEST_PHOTOGRAPHS, ComposedSource, read_photographs
from retrieval.training.mmt import run as run_module
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.recipe import MmtRecipe
from retrieval.training.mmt.run import MmtRun, Prepared, VideoSource
from retrieval.training.stage_cache import StageCache
from retrieval.types import FeatureTrack


@pytest.fixture
def table(photographs: list[CaptionedItem], tmp_path: Path) -> Path:
    return write_table(tmp_path, photographs)


def write_table(folder: Path, photographs: list[CaptionedItem]) -> Path:
    rows = [("path", "caption"), *((str(item.path), caption) for item in photographs for caption in item.captions)]
    with (folder / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "captions.csv"


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
    assert first.windows[0].frame is not None
    assert not first.windows[0].frame.any()  # no frame was seen
    assert len(first.windows[0].tracks["motion"]) == len(made.clips[0].events)


@pytest.fixture
def _read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are neither rendered nor decoded: of each, motion tells one row."""
    row = FeatureTrack(np.array([[0, 4]], np.float32), np.ones((1, 164), np.float16))

    def read(rendered: RenderedParts, *_others: object) -> tuple[dict[Atom, dict[str, FeatureTrack]], list[str]]:
        return {atom: {"motion": row} for atom in rendered.paths}, []

    def render(parts: Parts, folder: Path, _say: object) -> RenderedParts:
        atoms: list[Atom] = [*parts.shots, *parts.noises, *parts.sayings, Quiet()]
        return RenderedParts(dict.fromkeys(atoms, folder), ())

    monkeypatch.setattr(source_module, "render_parts", render)
    monkeypatch.setattr(source_module, "read_parts", read)


def prepared(source: ComposedSource, folder: Path) -> Prepared:
    run = MmtRun(source=source, out=folder / "out", say=lambda line: None, command="")
    return source.prepare([Motion()], StageCache(folder / "tracks"), StarterPictures(), run)


@pytest.mark.usefixtures("_read_at_once")
def test_the_fewest_photographs_that_are_asked_for_do(
    photographs: list[CaptionedItem], sounds: list[NamedSound], tmp_path: Path
) -> None:
    """A twentieth of them would be two, which show no three events in order."""
    table = write_table(tmp_path, photographs[:FEWEST_PHOTOGRAPHS])
    source = ComposedSource(photographs=table, atoms=tmp_path, sounds=(sounds[0].file.parent,), clips=5000)
    data = prepared(source, tmp_path)
    assert isinstance(data.dev, ComposedClips)
    assert {event.shot.photograph for clip in data.dev.clips for event in clip.events} == {
        item.path for item in photographs[FEWEST_PHOTOGRAPHS - 3 : FEWEST_PHOTOGRAPHS]
    }
    assert Kind.THREE in {clip.kind for clip in data.dev.clips}


@pytest.mark.usefixtures("_read_at_once")
def test_of_one_sound_alone_clips_are_composed_too(table: Path, sounds: list[NamedSound], tmp_path: Path) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    (folder / "horn.wav").write_bytes(sounds[0].file.read_bytes())
    (folder / "sounds.csv").write_text("file,subject,verb,participle\nhorn.wav,a horn,sounds,sounding\n")
    source = ComposedSource(photographs=table, atoms=tmp_path, sounds=(folder,), clips=300, sayings=1)
    data = prepared(source, tmp_path)
    assert isinstance(data.train, ComposedClips)
    assert {Kind.SOUND, Kind.SPEECH}.isdisjoint({clip.kind for clip in data.train.clips})
    assert any(event.noise for clip in data.train.clips for event in clip.events)


@pytest.mark.usefixtures("_read_at_once")
def test_too_few_parts_are_told_before_anything_is_trained(
    table: Path, sounds: list[NamedSound], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = RenderedParts({}, ("a.png: it is damaged",))
    monkeypatch.setattr(source_module, "render_parts", lambda *_: nothing)
    source = ComposedSource(photographs=table, atoms=tmp_path, sounds=(sounds[0].file.parent,), clips=60)
    with pytest.raises(DatasetError, match=r"has 0 clips .* expected at least 8; the first is a\.png: it is damaged"):
        prepared(source, tmp_path)


def test_data_are_known_by_their_files_too(table: Path, sounds: list[NamedSound], tmp_path: Path) -> None:
    """A half-trained run doesn't go on over others of the same names."""
    (tmp_path / "0.png").write_bytes(b"one")
    table = tmp_path / "own.csv"
    table.write_text("path,caption\n0.png,nothing\n")
    source = ComposedSource(photographs=table, atoms=tmp_path, sounds=(sounds[0].file.parent,))
    videos = VideoSource(captions=table)
    before = source.described(), videos.described()
    assert (source.described(), videos.described()) == before
    (tmp_path / "0.png").write_bytes(b"another")
    assert source.described() != before[0]
    assert videos.described() != before[1]


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
