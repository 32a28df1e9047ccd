"""Training in full on pictures that a tiny model learns in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from retrieval.errors import UsageError
from retrieval.models.classifier_files import PictureInput
from retrieval.models.cvt import CvTConfig, StageConfig
from retrieval.models.deit import DeiTConfig
from retrieval.models.named import AnyConfig, build_model
from retrieval.training.classifier.engine import LocalEngine
from retrieval.training.classifier.feed import Feed, seed_of
from retrieval.training.classifier.loop import Training, logits_of
from retrieval.training.classifier.picture_set import PictureSet
from retrieval.training.classifier.recipe import Augmentation, Precision, Recipe, learning_rate_at
from retrieval.training.classifier.state import StateFile
from retrieval.training.distillation import Distillation, DistillationConfig

DEIT = DeiTConfig(layers=2, width=16, heads=2, patch_size=4, picture_size=16, classes=3, distilled=True, drop_path=0.2)
CVT = CvTConfig(
    stages=(
        StageConfig(layers=1, width=8, heads=1, kernel=3, stride=2, padding=1),
        StageConfig(layers=1, width=16, heads=2, kernel=3, stride=2, padding=1, class_token=True),
    ),
    classes=3,
)
RECIPE = Recipe(
    epochs=3,
    batch=6,
    learning_rate=3e-3,
    warmup_epochs=0.5,
    augmentation=Augmentation.DEIT,
    smallest_part=0.5,
    precision=Precision.FLOAT32,
)


class Stopped(Exception):  # noqa: N818 - stands for a kill
    pass


def teacher(stops_at: int | None = None) -> Callable[[Tensor], Tensor]:
    """Knows the colours: red, green or blue is the most. Stands for a kill at a step, too."""
    asked = []

    def answer(pixels: Tensor) -> Tensor:
        asked.append(1)
        if len(asked) == stops_at:
            raise Stopped
        return 9 * pixels.mean(dim=(2, 3))[:, [2, 1, 0]]

    return answer


def training(pictures: PictureSet, config: AnyConfig = DEIT, **changes: object) -> Training:
    torch.manual_seed(5)
    values: dict[str, object] = {
        "model": build_model(config),
        "picture_input": PictureInput(16),
        "train": pictures,
        "dev": pictures,
        "recipe": RECIPE,
        "engine": LocalEngine(Precision.FLOAT32, "cpu"),
        "teacher": teacher(),
    }
    return Training(**(values | changes))  # type: ignore[arg-type]


def weights(made: Training) -> dict[str, Tensor]:
    return dict(made.model.state_dict())


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def state(folder: Path, said: list[str] | None = None) -> StateFile:
    return StateFile(folder / "state.pt", (said if said is not None else []).append, seconds=0)


@pytest.mark.parametrize("config", [DEIT, CVT], ids=["DeiT", "CvT"])
@pytest.mark.parametrize("stops", [(2,), (5,), (9, 2)], ids=["in an epoch", "after one", "twice"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    pictures: PictureSet, tmp_path: Path, config: AnyConfig, stops: tuple[int, ...]
) -> None:
    whole = training(pictures, config)
    history = whole.run()
    for stop in stops:
        with pytest.raises(Stopped, match=r"^$"):
            training(pictures, config, state=state(tmp_path), teacher=teacher(stop)).run()
    continued = training(pictures, config, state=state(tmp_path))

    again = continued.run()

    assert same(weights(whole), weights(continued))
    assert [replace(entry, seconds=0) for entry in again] == [replace(entry, seconds=0) for entry in history]
    assert continued.best_epoch == whole.best_epoch


def test_the_test_above_can_fail(pictures: PictureSet) -> None:
    first, other = training(pictures), training(pictures, recipe=replace(RECIPE, seed=1))
    first.run()
    other.run()
    assert not same(weights(first), weights(other))


def test_a_damaged_state_is_told_and_the_run_begins_again(pictures: PictureSet, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"cut short")
    said: list[str] = []
    training(pictures, state=state(tmp_path, said)).run()
    assert "state.pt is damaged" in said[0]
    assert "begins again" in said[0]


def test_colours_are_learned(pictures: PictureSet) -> None:
    made = training(pictures, recipe=replace(RECIPE, epochs=12, mixup=0, cutmix=0), teacher=None)
    history = made.run()
    assert history[-1].train_loss < history[0].train_loss
    assert max(entry.dev_accuracy or 0 for entry in history) > 0.9
    found = logits_of(made.model, PictureInput(16), pictures, torch.device("cpu")).argmax(dim=1)
    kept = float((found == torch.from_numpy(pictures.labels)).float().mean())
    assert kept == pytest.approx(max(entry.dev_accuracy or 0 for entry in history))


def test_a_student_learns_what_its_teacher_says_against_the_labels(pictures: PictureSet) -> None:
    wrong = PictureSet.whole(pictures.kept, (pictures.labels + 1) % 3, pictures.classes)
    recipe = replace(RECIPE, epochs=12, mixup=0, cutmix=0)
    config = DistillationConfig(kind=Distillation.SOFT, share=1.0, temperature=1.0)
    made = training(wrong, recipe=recipe, dev=None, distillation=config)
    made.run()
    found = logits_of(made.model, PictureInput(16), pictures, torch.device("cpu")).argmax(dim=1)
    assert float((found == torch.from_numpy(pictures.labels)).float().mean()) > 0.9


def test_the_callers_random_state_is_put_back(pictures: PictureSet) -> None:
    made = training(pictures, recipe=replace(RECIPE, epochs=1))
    before = torch.get_rng_state()
    made.run()
    assert torch.equal(torch.get_rng_state(), before)


def test_bfloat16_keeps_weights_in_float32(pictures: PictureSet) -> None:
    made = training(pictures, engine=LocalEngine(Precision.BFLOAT16, "cpu"), recipe=replace(RECIPE, epochs=1))
    made.run()
    assert {tensor.dtype for tensor in weights(made).values()} == {torch.float32}


def test_a_batch_that_processes_cannot_share_is_refused(pictures: PictureSet) -> None:
    engine = LocalEngine(Precision.FLOAT32, "cpu")
    engine.world = 4
    with pytest.raises(UsageError, match=r"a batch of 6 can't be shared by 4 processes: choose a --batch that is"):
        training(pictures, engine=engine).run()


def test_every_picture_comes_once_an_epoch_whoever_takes_it(pictures: PictureSet) -> None:
    def shown(rank: int, world: int, loaders: int = 0) -> list[tuple[Tensor, Tensor]]:
        feed = Feed(pictures, lambda pixels: pixels + torch.rand(1), 6, 1, rank, world, loaders)
        return list(feed.epoch(2))

    alone, halves = shown(0, 1), [shown(0, 2), shown(1, 2)]
    assert sorted(torch.cat([labels for _, labels in alone]).tolist()) == sorted(pictures.labels.tolist())
    for (pixels, _), (first, _), (second, _) in zip(alone, *halves, strict=True):
        assert torch.equal(pixels[0::2], first)
        assert torch.equal(pixels[1::2], second)
    beside = shown(0, 1, loaders=1)  # the same draws in another process
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(alone, beside, strict=True))


def test_seeds_are_their_own() -> None:
    assert len({seed_of(a, b) for a in range(50) for b in range(50)}) == 2500
    assert 0 <= seed_of(2**63, -1) < 2**63


def test_the_rate_rises_in_a_line_and_falls_as_a_cosine() -> None:
    recipe = Recipe(epochs=10, learning_rate=1.0, warmup_epochs=2)
    rates = [learning_rate_at(step, 10, recipe) for step in range(100)]
    assert rates[9] == pytest.approx(0.5)
    assert max(rates) == rates[19] == rates[20] == 1
    assert rates[60] == pytest.approx(0.5)
    assert rates[-1] < 0.001


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 0), ("learning_rate", 0.0), ("mixup", -1.0), ("smoothing", 1.0)]
)
def test_numbers_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is {value}, expected"):
        Recipe(**{name: value})  # type: ignore[arg-type]


def test_a_training_that_goes_astray_is_told(pictures: PictureSet) -> None:
    recipe = replace(RECIPE, learning_rate=1e30, warmup_epochs=0)
    with pytest.raises(
        UsageError, match=r"went astray in epoch 1: its loss is no number; give a lower --learning-rate"
    ):
        training(pictures, recipe=recipe, teacher=None).run()
