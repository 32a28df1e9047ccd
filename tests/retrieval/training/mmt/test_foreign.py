"""`vidi train mmt` over an expert whose weights vidi doesn't ship, and its space measured with it and without."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from retrieval.errors import WeightsError
from retrieval.evaluation.retrieval_protocol import evaluate_retrieval
from retrieval.experts import registry
from retrieval.experts.foreign import foreign_experts
from retrieval.models.mmt_folder import read_mmt_folder
from retrieval.settings import IndexSettings, Settings
from retrieval.spaces.registry import get_space
from retrieval.training.mmt.recipe import MmtRecipe
from retrieval.training.mmt.run import MmtRun, VideoSource
from tests.retrieval.models.foreign_files import places_file, torchvision_file

from .conftest import write_video


@pytest.fixture(autouse=True)
def _no_sound_or_text(monkeypatch: pytest.MonkeyPatch) -> None:
    find = registry.find_spec
    absent = {"faster_whisper", "rapidocr_onnxruntime"}
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name in absent else find(name))


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    rows = [("path", "caption")]
    for number in range(9):
        write_video(tmp_path / f"{number}.mp4", 1.0, seed=number)
        rows.append((f"{number}.mp4", f"texture {number} drifts"))
    with (tmp_path / "captions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path / "captions.csv"


def run_over(captions: Path, out: Path, models: tuple[str, ...], lines: list[str]) -> MmtRun:
    return MmtRun(
        source=VideoSource(captions=captions, held_out=0.0), out=out, say=lines.append, command="vidi train mmt",
        tracks=captions.parent / "tracks", expert_models=models, recipe=MmtRecipe(epochs=1, batch=4), width=16,
        layers=1,
    )  # fmt: skip


def test_a_space_is_learnt_over_them_and_says_so(captions: Path, tmp_path: Path, lines: list[str]) -> None:
    scene = f"scene=places365/resnet18:{places_file(tmp_path / 'places.pth.tar')}"
    check(captions, tmp_path / "out", scene, "scene=places365/resnet18:FILE", lines)
    assert read_mmt_folder(tmp_path / "out").config.names == ("appearance", "motion", "scene")


@pytest.mark.long
def test_a_motion_of_ones_own_takes_the_place_of_vidis(captions: Path, tmp_path: Path, lines: list[str]) -> None:
    motion = f"motion=torchvision/r2plus1d_18:{torchvision_file(tmp_path / 'r2plus1d.pth')}"
    check(captions, tmp_path / "out", motion, "motion=torchvision/r2plus1d_18:FILE", lines)
    assert read_mmt_folder(tmp_path / "out").config.names == ("appearance", "motion")


def check(captions: Path, out: Path, model: str, option: str, lines: list[str]) -> None:
    """A space trained over a model knows its version, and is measured with it, or plainly without it."""
    (expert,) = foreign_experts([model])

    run_over(captions, out, (model,), lines).train()

    folder = read_mmt_folder(out)
    assert folder.experts[expert.name] == expert.version
    assert {each.name: each.dim for each in folder.config.experts}[expert.name] == expert.dim == 512
    told: list[str] = []
    space = get_space(f"mmt/{out}")
    settings = Settings(index=IndexSettings(expert_models=(model,)))
    whole = evaluate_retrieval(captions, space, settings=settings, notice=told.append)
    assert (told, whole.unreadable) == ([], ())
    evaluate_retrieval(captions, space, notice=told.append)
    assert [line.partition("; ")[2] for line in told] == [f"give --expert {option}"]


def test_weights_that_do_not_fit_are_told_before_a_video_is_read(
    captions: Path, tmp_path: Path, lines: list[str]
) -> None:
    other = torchvision_file(tmp_path / "mc3.pth", "mc3_18")

    with pytest.raises(WeightsError, match="of another model"):
        run_over(captions, tmp_path / "out", (f"motion=torchvision/r3d_18:{other}",), lines).train()

    assert not (tmp_path / "out").exists()
    assert lines == []
