"""CvT against transformers', at the same random weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import CvtConfig, CvtForImageClassification

from retrieval.models.checkpoints import load_weights, to_their_names
from retrieval.models.cvt import (
    OFFICIAL_NAMES,
    TRANSFORMERS_NAMES,
    CvT,
    CvTConfig,
    StageConfig,
    cvt_13,
    cvt_21,
    cvt_w24,
)

Scramble = Callable[[nn.Module], None]
Noise = Callable[[int, int], Tensor]


def small(layers: tuple[int, int, int], widths: tuple[int, int, int], heads: tuple[int, int, int]) -> CvTConfig:
    first, second, third = (
        dict(zip(("layers", "width", "heads"), of, strict=True)) for of in zip(layers, widths, heads, strict=True)
    )
    return CvTConfig(
        stages=(
            StageConfig(**first, kernel=7, stride=4, padding=2),
            StageConfig(**second, kernel=3, stride=2, padding=1),
            StageConfig(**third, kernel=3, stride=2, padding=1, class_token=True),
        ),
        classes=7,
    )


SMALL = {
    # transformers can't build a stage with no more layers than its number
    "small": small((1, 2, 3), (8, 16, 24), (1, 2, 3)),
    "deeper": small((2, 3, 4), (16, 24, 32), (1, 3, 4)),
}
SIZES = {"CvT-13": cvt_13(), "CvT-21": cvt_21(), "CvT-W24": cvt_w24()}


def twin_of(config: CvTConfig) -> CvtForImageClassification:
    return CvtForImageClassification(
        CvtConfig(
            embed_dim=[stage.width for stage in config.stages],
            num_heads=[stage.heads for stage in config.stages],
            depth=[stage.layers for stage in config.stages],
            num_labels=config.classes,
        )
    ).eval()


@pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (96, 80), (50, 71)])
def test_logits_equal_transformers(
    config: CvTConfig, height: int, width: int, scramble: Scramble, noise: Noise
) -> None:
    twin, ours = twin_of(config), CvT(config).eval()
    scramble(twin)
    load_weights(ours, twin.state_dict(), TRANSFORMERS_NAMES, source="transformers")
    pixels = noise(height, width)

    with torch.inference_mode():
        torch.testing.assert_close(ours(pixels), twin(pixels).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", SIZES)
def test_named_sizes_have_transformers_weights_and_shapes(name: str) -> None:
    with torch.device("meta"):
        twin, ours = twin_of(SIZES[name]), CvT(SIZES[name])

    theirs = {weight: tensor.shape for weight, tensor in twin.state_dict().items()}
    assert {w: t.shape for w, t in to_their_names(ours.state_dict(), TRANSFORMERS_NAMES).items()} == theirs


def test_the_authors_names_are_as_in_their_code() -> None:
    ours = {
        "stages.0.embedding.projection.weight": "stage0.patch_embed.proj.weight",
        "stages.2.class_token": "stage2.cls_token",
        "stages.2.blocks.9.attention.key.convolution_norm.bias": "stage2.blocks.9.attn.conv_proj_k.bn.bias",
        "stages.1.blocks.0.attention.value.linear.bias": "stage1.blocks.0.attn.proj_v.bias",
        "stages.1.blocks.1.attention.output.weight": "stage1.blocks.1.attn.proj.weight",
        "head.bias": "head.bias",
    }

    assert {name: OFFICIAL_NAMES.theirs(name) for name in ours} == ours
