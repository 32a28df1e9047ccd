"""From what a person asked for, and left open, to a run."""

from __future__ import annotations

from collections.abc import Callable
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
    published = PUBLISHED.get(weights or "")
    chosen = model or (published.model if published else None)
    if chosen is None:
        raise UsageError(f"--weights {weights} says nothing of its model: name that by --model")
    sides = config_of(chosen, classes=2, picture_size=None if weights else size).picture_size
    if size is None and published is not None:
        sides = published.picture_input.size
    is_large = (size or sides) >= _LARGE
    numbers: dict[str, Any] = {key: value for key, value in recipe.items() if value is not None}
    usual = Recipe()
    numbers["epochs"] = epochs or (_EPOCHS_FROM_WEIGHTS if weights else usual.epochs)
    if learning_rate is None:
        learning_rate = _RATE_FROM_WEIGHTS if weights else usual.learning_rate
    numbers["learning_rate"] = learning_rate
    numbers["augmentation"] = Augmentation(augment or ("deit" if is_large else "light"))
    numbers["precision"] = Precision(precision or "auto")
    try:
        made = Recipe(seed=seed, **numbers)
    except ValueError as error:
        raise UsageError(f"{error}") from error
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
        drop_path=drop_path or 0.0,
        name=name,
        data_note=data_note,
        licence=licence,
    )
