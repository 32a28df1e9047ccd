"""DeiT, plain and distilled, against timm's at the same random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import timm
import torch
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from retrieval.models.checkpoints import load_weights, to_their_names
from retrieval.models.deit import TIMM_NAMES, DeiT, DeiTConfig, deit_base, deit_small, deit_tiny

Scramble = Callable[[nn.Module], None]
Noise = Callable[[int, int], Tensor]

SMALL = {
    "plain": DeiTConfig(layers=2, width=32, heads=4, patch_size=8, picture_size=32, classes=7),
    "distilled": DeiTConfig(layers=2, width=32, heads=4, patch_size=8, picture_size=32, classes=7, distilled=True),
    "distilled, finer": DeiTConfig(
        layers=3, width=24, heads=2, patch_size=4, picture_size=24, classes=5, distilled=True
    ),
}
SIZES = {
    "deit_tiny_patch16_224": deit_tiny(),
    "deit_small_patch16_224": deit_small(),
    "deit_base_patch16_224": deit_base(),
    "deit_base_patch16_384": deit_base(picture_size=384),
    "deit_tiny_distilled_patch16_224": deit_tiny(distilled=True),
    "deit_small_distilled_patch16_224": deit_small(distilled=True),
    "deit_base_distilled_patch16_224": deit_base(distilled=True),
    "deit_base_distilled_patch16_384": deit_base(distilled=True, picture_size=384),
}


def pair(config: DeiTConfig, scramble: Scramble) -> tuple[DeiT, nn.Module]:
    """Ours and timm's with the same weights."""
    twin = (VisionTransformerDistilled if config.distilled else VisionTransformer)(
        img_size=config.picture_size,
        patch_size=config.patch_size,
        embed_dim=config.width,
        depth=config.layers,
        num_heads=config.heads,
        num_classes=config.classes,
        dynamic_img_size=True,
    ).eval()
    scramble(twin)
    ours = DeiT(config).eval()
    load_weights(ours, twin.state_dict(), TIMM_NAMES, source="timm")
    return ours, twin


@pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_logits_equal_timms_at_the_training_size_and_beyond(
    config: DeiTConfig, scale: int, scramble: Scramble, noise: Noise
) -> None:
    ours, twin = pair(config, scramble)
    pixels = noise(scale * config.picture_size, scale * config.picture_size)

    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), twin(pixels), rtol=0, atol=1e-5)


def test_heads_apart_equal_timms_in_distilled_training(scramble: Scramble, noise: Noise) -> None:
    ours, twin = pair(SMALL["distilled"], scramble)
    twin.train().set_distilled_training(True)  # type: ignore[operator]
    pixels = noise(32, 32)

    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels, heads_apart=True), torch.stack(twin(pixels)), rtol=0, atol=1e-5)


def test_heads_apart_has_a_row_for_each_head(noise: Noise) -> None:
    plain, distilled = DeiT(SMALL["plain"]), DeiT(replace(SMALL["plain"], distilled=True))

    assert plain(noise(32, 32), heads_apart=True).shape == (1, 2, 7)
    assert distilled(noise(32, 32), heads_apart=True).shape == (2, 2, 7)


@pytest.mark.parametrize("name", SIZES)
def test_named_sizes_have_timms_weights_and_shapes(name: str) -> None:
    with torch.device("meta"):
        twin, ours = timm.create_model(name), DeiT(SIZES[name])

    theirs = {weight: tensor.shape for weight, tensor in twin.state_dict().items()}
    assert {w: t.shape for w, t in to_their_names(ours.state_dict(), TIMM_NAMES).items()} == theirs
