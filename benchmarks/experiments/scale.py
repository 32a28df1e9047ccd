"""How large an experiment is: for two cores (``--small``) or for one GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from retrieval.models.cpvt import CPVTConfig
from retrieval.models.cvt import CvTConfig, StageConfig
from retrieval.models.deit import DeiTConfig, Positions
from retrieval.models.vit import ViTConfig
from retrieval.training.classifier.recipe import Augmentation, Recipe

__all__ = ["LARGE", "SMALL", "TRIALS", "Scale"]

SIZE = 32  # side of the pictures that every experiment trains on


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Proportions of the models, how many pictures of a class, and the recipe."""

    name: str
    layers: int
    width: int
    heads: int
    cvt_layers: tuple[int, int, int]
    cvt_widths: tuple[int, int, int]
    teacher_widths: tuple[int, int, int]
    train: int
    """Pictures of a class."""
    little: int
    """Pictures of a class where little data are wanted."""
    few: int
    test: int
    recipe: Recipe
    little_epochs: int
    seeds: tuple[int, ...] = (0, 1, 2)
    patch: int = 4
    classes: int = 10

    def _proportions(self, width: int | None = None) -> dict[str, Any]:
        return {
            "layers": self.layers,
            "width": width or self.width,
            "heads": self.heads,
            "patch_size": self.patch,
            "picture_size": SIZE,
            "classes": self.classes,
        }

    def deit(self, *, positions: Positions = Positions.LEARNED, distilled: bool = False) -> DeiTConfig:
        """A small DeiT."""
        return DeiTConfig(**self._proportions(), positions=positions, distilled=distilled)

    def cpvt(self, *, average_pooling: bool = False) -> CPVTConfig:
        """A CPVT of the same proportions."""
        return CPVTConfig(**self._proportions(), average_pooling=average_pooling)

    def vit(self, width: int | None = None) -> ViTConfig:
        """A ViT of the same proportions, but perhaps of another width."""
        return ViTConfig(**self._proportions(width))

    def cvt(self, *, positions: bool = False) -> CvTConfig:
        """A CvT in three stages, of 16, 8 and 4 tokens a side; with ``positions`` a learned table in each."""
        stages = []
        for number, (layers, width) in enumerate(zip(self.cvt_layers, self.cvt_widths, strict=True)):
            side = SIZE // 2 ** (number + 1)
            stages.append(
                StageConfig(
                    layers=layers,
                    width=width,
                    heads=2**number,
                    kernel=5 if number == 0 else 3,
                    stride=2,
                    padding=2 if number == 0 else 1,
                    class_token=number == 2,
                    positions=(side, side) if positions else None,
                )
            )
        return CvTConfig(stages=tuple(stages), classes=self.classes, picture_size=SIZE)

    def little_recipe(self) -> Recipe:
        """Of runs over little data: more epochs."""
        return replace(self.recipe, epochs=self.little_epochs)


SMALL = Scale(
    name="small",
    layers=4,
    width=64,
    heads=4,
    cvt_layers=(1, 1, 2),
    cvt_widths=(32, 64, 96),
    teacher_widths=(16, 32, 64),
    train=200,
    little=100,
    few=20,
    test=200,
    recipe=Recipe(
        epochs=8,
        batch=50,
        learning_rate=2e-3,
        warmup_epochs=1,
        mixup=0,
        cutmix=0,
        augmentation=Augmentation.LIGHT,
        smallest_part=0.3,
    ),
    little_epochs=12,
)
LARGE = Scale(
    name="large",
    layers=9,
    width=192,
    heads=3,
    cvt_layers=(1, 2, 8),
    cvt_widths=(64, 128, 192),
    teacher_widths=(64, 128, 256),
    train=2500,
    little=500,
    few=100,
    test=1000,
    recipe=Recipe(
        epochs=60,
        batch=250,
        learning_rate=1e-3,
        warmup_epochs=3,
        augmentation=Augmentation.LIGHT,
        smallest_part=0.3,
    ),
    little_epochs=100,
)

_COARSE = replace(SMALL.recipe, epochs=12)
_FEW = replace(SMALL.recipe, epochs=60)
TRIALS: Final[Mapping[str, Scale]] = {
    trial.name: trial
    for trial in (
        replace(SMALL, name="coarse", patch=8, train=500, recipe=_COARSE),
        replace(SMALL, name="few", patch=8, train=100, recipe=_FEW),
    )
}
"""Other settings for two cores, for claims that SMALL does not show: patches of 8 pixels, so that four times as many
pictures are learned from in the same time; from more pictures, or from fewer by heart."""
