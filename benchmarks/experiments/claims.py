"""The four experiments: what is trained, and what of it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from benchmarks.experiments.data import first_of_each, picture_sets, split_paths
from benchmarks.experiments.runs import Record, parameters, tested, train_model
from benchmarks.experiments.scale import SIZE, Scale
from benchmarks.experiments.teacher import ConvolutionalTeacher
from retrieval.models.classifier_files import PictureInput
from retrieval.models.cpvt import CPVT
from retrieval.models.cvt import CvT
from retrieval.models.deit import DeiT, Positions
from retrieval.models.vit import ViT
from retrieval.training.distillation import Distillation, DistillationConfig

__all__ = ["EXPERIMENTS"]

TEST_SIZES: Final = (32, 48, 64)
Build = Callable[[], nn.Module]


def positions(folder: Path, scale: Scale) -> Record:
    """CPVT against learned and sinusoidal positions, trained at 32, tested at 32, 48 and 64 without fine-tuning."""
    train, test = picture_sets(folder, scale.train, scale.test, SIZE)
    arms: dict[str, Build] = {
        "learned": lambda: DeiT(scale.deit()),
        "sinusoidal": lambda: DeiT(scale.deit(positions=Positions.SINUSOIDAL)),
        "PEG": lambda: CPVT(scale.cpvt()),
        "PEG, averaged": lambda: CPVT(scale.cpvt(average_pooling=True)),
    }
    record = Record.opened("positions", scale)
    for seed in scale.seeds:
        for arm, build in arms.items():

            def run(build: Build = build, seed: int = seed) -> dict[str, float]:
                model = train_model(build, train, scale.recipe, seed)
                return {f"at {size}": tested(model, test, size) for size in TEST_SIZES}

            record.measure(arm, seed, run)
    return record


def distillation(folder: Path, scale: Scale) -> Record:
    """A small DeiT alone and taught, soft and hard, by a convolutional network trained on the same pictures."""
    train, test = picture_sets(folder, scale.train, scale.test, SIZE)
    record = Record.opened("distillation", scale)
    soft, hard = DistillationConfig(kind=Distillation.SOFT), DistillationConfig(kind=Distillation.HARD)
    arms: dict[str, tuple[bool, DistillationConfig | None]] = {
        "alone": (False, None),
        "soft": (False, soft),
        "hard": (False, hard),
        "hard, distillation token": (True, hard),
    }
    for seed in scale.seeds:
        if all(str(seed) in record.arms.get(arm, {}) for arm in arms):
            continue
        taught = train_model(lambda: ConvolutionalTeacher(scale.teacher_widths, scale.classes), train, scale.recipe, seed)
        record.measure("teacher", seed, lambda taught=taught: {"accuracy": tested(taught, test)})  # type: ignore[misc]
        for arm, (distilled, config) in arms.items():

            def run(distilled: bool = distilled, config: DistillationConfig | None = config, seed: int = seed,
                    taught: nn.Module = taught) -> dict[str, float]:  # fmt: skip
                model = train_model(
                    lambda: DeiT(scale.deit(distilled=distilled)),
                    train,
                    scale.recipe,
                    seed,
                    teacher=_answers(taught) if config else None,
                    distillation=config,
                )
                return {"accuracy": tested(model, test)}

            record.measure(arm, seed, run)
    return record


def _answers(teacher: nn.Module) -> Callable[[Tensor], Tensor]:
    picture_input = PictureInput(SIZE)

    def answer(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = teacher(picture_input.normalise(pixels))
        return logits

    return answer


def convolution(folder: Path, scale: Scale) -> Record:
    """CvT with and without positions, and ViT at equal parameters, on little data."""
    train, test = picture_sets(folder, scale.little, scale.test, SIZE)
    width = _equal_width(scale)
    arms: dict[str, Build] = {
        "ViT": lambda: ViT(scale.vit(width)),
        "CvT": lambda: CvT(scale.cvt()),
        "CvT with positions": lambda: CvT(scale.cvt(positions=True)),
    }
    record = Record.opened("convolution", scale)
    for seed in scale.seeds:
        for arm, build in arms.items():

            def run(build: Build = build, seed: int = seed) -> dict[str, float]:
                model = train_model(build, train, scale.little_recipe(), seed)
                return {"accuracy": tested(model, test), "parameters": parameters(model)}

            record.measure(arm, seed, run)
    return record


def _equal_width(scale: Scale) -> int:
    """The width at which a ViT has as many parameters as the CvT, as near as its heads allow."""
    wanted = parameters(CvT(scale.cvt()))
    widths = range(scale.heads, 64 * scale.heads, scale.heads)
    return min(widths, key=lambda width: abs(parameters(ViT(scale.vit(width))) - wanted))


def pretrained(folder: Path, scale: Scale) -> Record:
    """ViT from scratch against a head on the embedded tower's features, on little data."""
    from benchmarks.experiments.head_arm import head_accuracy

    record = Record.opened("pretrained", scale)
    paths, unseen = split_paths(folder, scale.train, scale.test)
    whole, test = picture_sets(folder, scale.train, scale.test, SIZE)
    for count in (scale.few, scale.train):
        chosen = first_of_each(paths, count)
        rows = [row for row, path in enumerate(paths.paths) if path in set(chosen.paths)]
        train = whole.only(torch.tensor(rows).numpy())
        for seed in scale.seeds:

            def scratch(train=train, seed: int = seed, count: int = count) -> dict[str, float]:  # type: ignore[no-untyped-def]
                recipe = scale.recipe if count == scale.train else scale.little_recipe()
                return {"accuracy": tested(train_model(lambda: ViT(scale.vit()), train, recipe, seed), test)}

            record.measure(f"ViT from scratch, {count} of a class", seed, scratch)
            record.measure(
                f"head on features, {count} of a class",
                seed,
                lambda chosen=chosen, seed=seed: {"accuracy": head_accuracy(chosen, unseen, seed)},  # type: ignore[misc]
            )
    return record


EXPERIMENTS: Final[Mapping[str, Callable[[Path, Scale], Record]]] = {
    "positions": positions,
    "distillation": distillation,
    "convolution": convolution,
    "pretrained": pretrained,
}
