"""The four experiments: what is trained, and what of it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.experiments.data import picture_sets, split_paths
from benchmarks.experiments.head_arm import head_accuracy, read_once
from benchmarks.experiments.runs import Record, parameters, told_right, train_model
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
Rows = NDArray[np.int64]


def positions(folder: Path, scale: Scale) -> Record:
    """CPVT against learned and sinusoidal positions, trained at 32, tested at 32, 48 and 64 without fine-tuning."""
    train, test = picture_sets(folder, scale.train, scale.test, SIZE)
    arms: dict[str, Build] = {
        "learned": lambda: DeiT(scale.deit()),
        "sinusoidal": lambda: DeiT(scale.deit(positions=Positions.SINUSOIDAL)),
        "PEG": lambda: CPVT(scale.cpvt()),
    }
    record = Record.opened("positions", scale)
    for seed in scale.seeds:
        for arm, build in arms.items():

            def run(build: Build = build, seed: int = seed) -> dict[str, float]:
                model = train_model(build, train, scale.recipe, seed)
                return {f"at {size}": told_right(model, test, size) for size in TEST_SIZES}

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
        "hard, with its token": (True, hard),
    }
    for seed in scale.seeds:
        if all(str(seed) in record.arms.get(arm, {}) for arm in arms):
            continue
        taught = train_model(
            lambda: ConvolutionalTeacher(scale.teacher_widths, scale.classes), train, scale.recipe, seed
        )
        record.measure("teacher", seed, lambda taught=taught: {"accuracy": told_right(taught, test)})  # type: ignore[misc]
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
                return {"accuracy": told_right(model, test)}

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
                return {"accuracy": told_right(model, test), "parameters": parameters(model)}

            record.measure(arm, seed, run)
    return record


def _equal_width(scale: Scale) -> int:
    """The width at which a ViT has as many parameters as the CvT, as near as its heads allow."""
    wanted = parameters(CvT(scale.cvt()))
    widths = range(scale.heads, 64 * scale.heads, scale.heads)
    return min(widths, key=lambda width: abs(parameters(ViT(scale.vit(width))) - wanted))


def pretrained(folder: Path, scale: Scale) -> Record:
    """ViT from scratch against a head on the embedded tower's features, on few pictures and on more.

    The few are drawn by the seed, the same for both.
    """
    record = Record.opened("pretrained", scale)
    known, unseen = split_paths(folder, scale.train, scale.test)
    pixels, test = picture_sets(folder, scale.train, scale.test, SIZE)
    features, unseen_features = read_once(known), read_once(unseen)
    for seed in scale.seeds:
        for count in (scale.few, scale.train):
            rows = _drawn(known.labels, count, seed)

            def scratch(rows: Rows = rows, seed: int = seed, count: int = count) -> dict[str, float]:
                recipe = scale.recipe if count == scale.train else scale.little_recipe()
                return {
                    "accuracy": told_right(train_model(lambda: ViT(scale.vit()), pixels.only(rows), recipe, seed), test)
                }

            def head(rows: Rows = rows, seed: int = seed) -> dict[str, float]:
                return {"accuracy": head_accuracy(features.only(rows), unseen_features, seed)}

            record.measure(f"ViT from scratch, {count} of a class", seed, scratch)
            record.measure(f"head on features, {count} of a class", seed, head)
    return record


def _drawn(labels: Rows, count: int, seed: int) -> Rows:
    """So many places of each class."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


EXPERIMENTS: Final[Mapping[str, Callable[[Path, Scale], Record]]] = {
    "positions": positions,
    "distillation": distillation,
    "convolution": convolution,
    "pretrained": pretrained,
}
