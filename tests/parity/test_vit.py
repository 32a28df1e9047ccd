"""ViT against timm's, at the same random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from retrieval.models.checkpoints import load_weights, to_their_names
from retrieval.models.vit import TIMM_NAMES, ViT, ViTConfig, vit_base, vit_huge, vit_large, vit_small, vit_tiny

Scramble = Callable[[nn.Module], None]
Noise = Callable[[int, int], Tensor]

SMALL = {
    "patches of 8": ViTConfig(layers=2, width=32, heads=4, patch_size=8, picture_size=32, classes=7),
    "patches of 4, wide MLP": ViTConfig(
        layers=3, width=24, heads=3, patch_size=4, picture_size=24, classes=5, mlp_ratio=6
    ),
    "one head, one layer": ViTConfig(layers=1, width=16, heads=1, patch_size=14, picture_size=56, classes=3),
}
SIZES = {
    "vit_tiny_patch16_224": vit_tiny(),
    "vit_small_patch16_224": vit_small(),
    "vit_small_patch32_224": vit_small(patch_size=32),
    "vit_base_patch16_224": vit_base(),
    "vit_base_patch16_384": vit_base(picture_size=384),
    "vit_base_patch32_224": vit_base(patch_size=32),
    "vit_large_patch16_224": vit_large(),
    "vit_large_patch16_384": vit_large(picture_size=384),
    "vit_large_patch32_384": vit_large(patch_size=32, picture_size=384),
    "vit_large_patch14_224": vit_large(patch_size=14),
    "vit_huge_patch14_224": vit_huge(),
}


def twin_of(config: ViTConfig, **options: Any) -> VisionTransformer:
    return VisionTransformer(
        img_size=config.picture_size,
        patch_size=config.patch_size,
        embed_dim=config.width,
        depth=config.layers,
        num_heads=config.heads,
        mlp_ratio=config.mlp_ratio,
        num_classes=config.classes,
        **options,
    ).eval()


@pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)
def test_logits_equal_timms(config: ViTConfig, scramble: Scramble, noise: Noise) -> None:
    twin, ours = twin_of(config), ViT(config).eval()
    scramble(twin)
    load_weights(ours, twin.state_dict(), TIMM_NAMES, source="timm")
    pixels = noise(config.picture_size, config.picture_size)

    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), twin(pixels), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (48, 40), (16, 24)])
def test_positions_are_interpolated_as_timm_does(height: int, width: int, scramble: Scramble, noise: Noise) -> None:
    config = SMALL["patches of 8"]
    twin, ours = twin_of(config, dynamic_img_size=True), ViT(config).eval()
    scramble(twin)
    load_weights(ours, twin.state_dict(), TIMM_NAMES, source="timm")
    pixels = noise(height, width)

    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), twin(pixels), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_named_sizes_have_timms_weights_and_shapes(name: str) -> None:
    with torch.device("meta"):
        twin, ours = timm.create_model(name, num_classes=1000), ViT(SIZES[name])

    theirs = {weight: tensor.shape for weight, tensor in twin.state_dict().items()}
    assert {w: t.shape for w, t in to_their_names(ours.state_dict(), TIMM_NAMES).items()} == theirs
