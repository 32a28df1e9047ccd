"""From what a person asked for, and left open, to a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from retrieval.errors import UsageError
from retrieval.models.named import config_of
from retrieval.models.published import PUBLISHED
from retrieval.training.classifier.model_run import ModelRun
from retrieval.training.classifier.recipe import Augmentation, Precision, Recipe
from retrieval.training.distillation import Distillation, DistillationConfig

__all__ = ["model_run"]

_LARGE: Final = 128  # pixels a side: smaller pictures are hard to tell once RandAugment was at them
_EPOCHS_FROM_WEIGHTS: Final = 20
_RATE_FROM_WEIGHTS: Final = 1e-4


def model_run(
    data: Path,
    out: Path,
    say: Callable[[str], None],
    model: str | None,
    *,
    seed: int = 0,
    weights: str | None = None,
    teacher: str | None = None,
    distillation: str | None = None,
    size: int | None = None,
    augment: str | None = None,
    drop_path: float | None = None,
    precision: str | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    name: str = "",
    data_note: str = "",
    licence: str = "",
    **recipe: float | None,
) -> ModelRun:
    """The run; what is None takes its default, which depends on the size and on whether weights are given.

    Raises:
        UsageError: no model has that name, or a number is out of its range.
    """
    chosen = _chosen_model(model, weights)
    made = _recipe(
        recipe | {"epochs": epochs, "learning_rate": learning_rate},
        seed=seed,
        has_weights=weights is not None,
        augmentation=Augmentation(augment or ("deit" if _side(chosen, weights, size) >= _LARGE else "light")),
        precision=Precision(precision or "auto"),
    )
    return ModelRun(
        data=data,
        out=out,
        say=say,
        model=chosen,
        recipe=made,
        size=size,
        weights=weights,
        teacher=teacher,
        distillation=DistillationConfig(kind=Distillation(distillation or "hard")),
        drop_path=drop_path,
        name=name,
        data_note=data_note,
        licence=licence,
    )


def _chosen_model(model: str | None, weights: str | None) -> str:
    """What ``weights`` are of, where no model is named."""
    if model is not None:
        return model
    published = PUBLISHED.get(weights or "")
    if published is None:
        raise UsageError(f"--weights {weights} says nothing of its model: name that by --model")
    return published.model


def _side(model: str, weights: str | None, size: int | None) -> int:
    """Of the pictures that it is trained on, in pixels."""
    if size is None and (published := PUBLISHED.get(weights or "")) is not None:
        return published.picture_input.size
    own = config_of(model, classes=2, picture_size=None if weights else size).picture_size
    return size or own


def _recipe(
    asked: Mapping[str, float | None], *, seed: int, has_weights: bool, augmentation: Augmentation, precision: Precision
) -> Recipe:
    usual: dict[str, Any] = {"epochs": _EPOCHS_FROM_WEIGHTS, "learning_rate": _RATE_FROM_WEIGHTS} if has_weights else {}
    numbers = {name: value for name, value in asked.items() if value is not None}
    try:
        return Recipe(seed=seed, augmentation=augmentation, precision=precision, **(usual | numbers))
    except ValueError as error:
        raise UsageError(f"{error}") from error
