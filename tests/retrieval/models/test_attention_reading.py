"""Attention read out of every model: it is the attention that made the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from retrieval.layers.attention import AttentionReading
from retrieval.models.cpvt import CPVT, CPVTConfig
from retrieval.models.cvt import CvT, CvTConfig, StageConfig
from retrieval.models.deit import DeiT, DeiTConfig, Positions
from retrieval.models.vit import ViT, ViTConfig


def cvt() -> CvT:
    first = StageConfig(layers=1, width=8, heads=1, kernel=7, stride=4, padding=2)
    second = StageConfig(layers=2, width=24, heads=3, kernel=3, stride=2, padding=1, class_token=True)
    return CvT(CvTConfig(stages=(first, second), classes=5))


def square(prefix: int) -> list[tuple[int, int, int, int, int]]:
    """Heads, queries, keys, prefix, layers' grid side: 3 layers on a grid of 5 x 4."""
    return [(3, prefix + 20, prefix + 20, prefix, 20)] * 3


def vit_like(**more: object) -> dict[str, object]:
    return {"layers": 3, "width": 24, "heads": 3, "patch_size": 8, "picture_size": 32, "classes": 5, **more}


MODELS: dict[str, tuple[Callable[[], nn.Module], list[tuple[int, int, int, int, int]]]] = {
    "ViT": (lambda: ViT(ViTConfig(**vit_like())), square(1)),  # type: ignore[arg-type]
    "DeiT": (lambda: DeiT(DeiTConfig(**vit_like(positions=Positions.SINUSOIDAL))), square(1)),  # type: ignore[arg-type]
    "DeiT, distilled": (lambda: DeiT(DeiTConfig(**vit_like(distilled=True))), square(2)),  # type: ignore[arg-type]
    "CPVT": (lambda: CPVT(CPVTConfig(**vit_like())), square(1)),  # type: ignore[arg-type]
    "CPVT-GAP": (lambda: CPVT(CPVTConfig(**vit_like(average_pooling=True))), square(0)),  # type: ignore[arg-type]
    "CvT": (cvt, [(1, 80, 20, 0, 20), (3, 21, 7, 1, 6), (3, 21, 7, 1, 6)]),
}


def reading(build: Callable[[], nn.Module]) -> tuple[nn.Module, torch.Tensor, AttentionReading]:
    torch.manual_seed(0)
    model = build().eval()
    pixels = torch.randn(2, 3, 40, 32)
    return model, pixels, model.read_attention(pixels)  # type: ignore[operator]


@pytest.mark.parametrize(("build", "shapes"), MODELS.values(), ids=MODELS)
def test_layers_have_the_shapes_of_their_grids(
    build: Callable[[], nn.Module], shapes: list[tuple[int, int, int, int, int]]
) -> None:
    _, _, read = reading(build)

    found = [(*layer.weights.shape[1:], layer.prefix, layer.key_grid[0] * layer.key_grid[1]) for layer in read.layers]
    assert found == shapes
    assert repr(read) == f"AttentionReading(logits[2, 5], {len(shapes)} layers)"


@pytest.mark.parametrize("build", [build for build, _ in MODELS.values()], ids=MODELS)
def test_what_is_read_is_a_share_and_gives_the_same_answer(build: Callable[[], nn.Module]) -> None:
    model, pixels, read = reading(build)

    torch.testing.assert_close(read.logits, model(pixels), rtol=0, atol=1e-5)
    for layer in read.layers:
        assert (layer.weights >= 0).all()
        torch.testing.assert_close(layer.weights.sum(dim=-1), torch.ones(layer.weights.shape[:-1]))


@pytest.mark.parametrize("build", [build for build, _ in MODELS.values()], ids=MODELS)
def test_weights_carry_gradients_of_a_class(build: Callable[[], nn.Module]) -> None:
    _, _, read = reading(build)

    gradients = torch.autograd.grad(read.logits[:, 1].sum(), [layer.weights for layer in read.layers])

    assert all(gradient.abs().sum() > 0 for gradient in gradients)
