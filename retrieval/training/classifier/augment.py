"""What a training step sees of a picture: torchvision's v2 transforms, and mixing within a batch.

Every draw comes from torch's generator, which the loop seeds by step and picture: a run that was stopped sees what it
would have seen.

Shapes: n pictures · s side in pixels · classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from retrieval.training.classifier.recipe import Augmentation, Recipe

__all__ = ["Augment", "fitted", "mixer", "single_picture"]

Augment = Callable[[Tensor], Tensor]

_GREY = 0.5  # what an erased part becomes


def single_picture(recipe: Recipe, size: int) -> Augment:
    """From a picture [3, s, s] uint8 to another [3, size, size] float32 in 0 to 1."""
    from torchvision.transforms import InterpolationMode, v2

    to_float = v2.ToDtype(torch.float32, scale=True)
    if recipe.augmentation is Augmentation.NONE:
        return _composed(v2.Resize((size, size), antialias=True), to_float)
    part = v2.RandomResizedCrop(size, scale=(recipe.smallest_part, 1.0), antialias=True)
    if recipe.augmentation is Augmentation.LIGHT:
        return _composed(part, v2.RandomHorizontalFlip(), to_float)
    return _composed(
        part,
        v2.RandomHorizontalFlip(),
        v2.RandAugment(num_ops=2, magnitude=9, interpolation=InterpolationMode.BILINEAR),
        to_float,
        v2.RandomErasing(p=0.25, value=_GREY),
    )


def _composed(*parts: Augment) -> Augment:
    from torchvision.transforms import v2

    composed: Augment = v2.Compose(list(parts))
    return composed


def mixer(recipe: Recipe, classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """From pixels [n, 3, s, s] and labels [n] to mixed pixels and the shares of classes [n, classes]."""
    from torchvision.transforms import v2

    kinds = [(v2.MixUp, recipe.mixup), (v2.CutMix, recipe.cutmix)]
    ways = [kind(alpha=alpha, num_classes=classes) for kind, alpha in kinds if alpha > 0]
    if not ways or classes < 2:
        return lambda pixels, labels: (pixels, labels)
    chosen = v2.RandomChoice(ways) if len(ways) > 1 else ways[0]

    def mix(pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision's own use of what torch is about to drop
            mixed: tuple[Tensor, Tensor] = chosen(pixels, labels)
        return mixed

    return mix


def fitted(pixels: Tensor, size: int) -> Tensor:
    """``pixels`` [n, 3, s, s] uint8, or floats in 0 to 1, as float32 in 0 to 1, [n, 3, size, size]."""
    floats = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
    if floats.shape[-2:] == (size, size):
        return floats
    resized = F.interpolate(floats, size=(size, size), mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1)
