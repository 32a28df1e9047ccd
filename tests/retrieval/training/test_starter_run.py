"""The whole run on a tiny world: what it writes, stopped and continued, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DatasetError, UsageError
from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import StarterHeads
from retrieval.training import captioned_pictures
from retrieval.training.contrastive import ContrastiveConfig
from retrieval.training.starter_run import LEFT_OUT_NAMES, StarterRun, unseen_classes

WriteTable = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("quick_towers")


class World:
    """Two tables, and a finished run over them that was stopped once on its way."""

    def __init__(self, folder: Path, write_table: WriteTable, recipe: ContrastiveConfig) -> None:
        bad = "absent.png,nobody took it\nbroken.png,half of it is missing\nclip.mp4,a clip\n"
        self.train = write_table(folder, 64, "train.csv", extra=bad)
        (folder / "broken.png").write_bytes((folder / "train.csv-0.png").read_bytes()[:60])
        self.dev, self.out, self.recipe = write_table(folder, 52, "dev.csv"), folder / "out", recipe
        self.first_lines: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            self.run(self._stop_in_training).train()
        self.after_the_stop = sorted(path.name for path in self.out.iterdir())
        self.lines: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(captioned_pictures, "MediaWorkers", None)  # nothing is decoded again
            self.figures = self.run(self.lines.append).train()

    def run(self, say: Callable[[str], None], **changed: object) -> StarterRun:
        known = {"captions": self.train, "dev": self.dev, "out": self.out, "say": say, "config": self.recipe}
        return StarterRun(**(known | changed))  # type: ignore[arg-type]  # each is of its field's type

    def _stop_in_training(self, line: str) -> None:
        self.first_lines.append(line)
        if line.startswith("training"):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    write_table: WriteTable,
    tiny_recipe: ContrastiveConfig,
    quick_towers: None,
) -> World:
    return World(tmp_path_factory.mktemp("world"), write_table, tiny_recipe)


def test_a_stopped_run_leaves_no_heads(world: World) -> None:
    assert world.after_the_stop == ["cache"]


def test_a_run_writes_heads_calibration_and_card(world: World) -> None:
    assert {path.name for path in world.out.iterdir()} == {
        "cache", "heads.safetensors", "calibration.safetensors", "card.json",
    }  # fmt: skip
    heads, calibration = (
        StarterHeads.load(world.out / "heads.safetensors"),
        Calibration.load(world.out / "calibration.safetensors"),
    )
    assert calibration.mean.shape == (heads.dim,)
    card = json.loads((world.out / "card.json").read_text("utf-8"))
    assert card["dim"] == heads.dim
    assert card["figures"] == world.figures
    assert (card["data"]["pictures"], card["data"]["captions"]) == (64, 128)


def test_figures_are_percentages_and_better_than_chance(world: World) -> None:
    assert list(world.figures) == ["R@1", "R@5", "R@10", "names_top1", "names_top5"]
    assert 0 <= world.figures["R@1"] <= world.figures["R@5"] <= world.figures["R@10"] <= 100
    assert world.figures["R@10"] > 40  # by colour: 13 of the 52 pictures; by chance 19


def test_pictures_that_cannot_be_used_are_listed_and_left_out(world: World) -> None:
    left_out = [line for line in world.lines if line.startswith("left out")]
    assert len(left_out) == 3
    assert [name for line in left_out for name in ("absent.png", "broken.png", "clip.mp4") if name in line] == [
        "absent.png", "broken.png", "clip.mp4",
    ]  # fmt: skip


def test_a_finished_run_is_not_trained_again(world: World) -> None:
    again: list[str] = []
    before = (world.out / "heads.safetensors").read_bytes()
    assert world.run(again.append).train() == world.figures
    assert not [line for line in again if line.startswith("training")]
    assert (world.out / "heads.safetensors").read_bytes() == before


def test_too_few_pictures_are_refused(world: World, write_table: WriteTable, tmp_path: Path) -> None:
    few = write_table(tmp_path, 3)
    with pytest.raises(DatasetError, match=r"captions.csv has 3 pictures that can be read, expected at least 50"):
        world.run(lambda line: None, dev=few, out=tmp_path / "out").train()


def test_a_table_without_usable_pictures_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("path,caption\nabsent.png,nothing\n", "utf-8")
    with pytest.raises(DatasetError, match=r"not one picture of .*captions.csv can be used"):
        world.run(lambda line: None, dev=tmp_path / "captions.csv", out=tmp_path / "out").train()


def test_a_folder_that_cannot_be_made_is_told_of(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"can't be written: .*choose another --out"):
        world.run(lambda line: None, out=tmp_path / "file").train()


def test_the_same_seed_leaves_out_the_same_names() -> None:
    assert unseen_classes(17).sum() == LEFT_OUT_NAMES
    np.testing.assert_array_equal(unseen_classes(17), unseen_classes(17))
    assert (unseen_classes(17) != unseen_classes(18)).any()
