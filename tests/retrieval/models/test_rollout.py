"""Rollout against its definition, and on a small transformer that learnt two shapes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from retrieval.layers.attention import LayerAttention
from retrieval.models.cpvt import CPVT, cpvt_tiny
from retrieval.models.cvt import CvT, cvt_13
from retrieval.models.rollout import attention_rollout, class_heat
from retrieval.models.vit import ViT, ViTConfig

SMALL = ViTConfig(layers=2, width=32, heads=2, patch_size=4, picture_size=32, classes=2)


def _weights(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)).softmax(dim=-1)


def test_rollout_is_the_product_of_half_attention_and_half_shortcut() -> None:
    first, second = _weights(1, 3, 5, 5), _weights(1, 2, 5, 5)
    rolled = attention_rollout([LayerAttention(weights, (2, 2), (2, 2)) for weights in (first, second)])
    by_hand = torch.eye(5)
    for weights in (first, second):
        by_hand = (0.5 * weights[0].mean(0) + 0.5 * torch.eye(5)) @ by_hand
    torch.testing.assert_close(rolled[0], by_hand[0, 1:].reshape(2, 2))


def test_without_attention_between_tokens_patches_give_nothing() -> None:
    alone = torch.eye(5)[None, None]
    assert attention_rollout([LayerAttention(alone, (2, 2), (2, 2))]).sum() == 0


def test_squeezed_keys_share_out_what_they_get() -> None:
    weights = torch.tensor([0.2, 0.8, 0.0, 0.0, 0.0]).expand(1, 1, 17, 5)  # class token, then 2 x 2 keys of 4 x 4
    rolled = attention_rollout([LayerAttention(weights, (4, 4), (2, 2))])
    expected = torch.zeros(4, 4)
    expected[:2, :2] = 0.5 * 0.8 / 4
    torch.testing.assert_close(rolled[0], expected)


@pytest.mark.parametrize(
    ("model", "grid"),
    [
        pytest.param(lambda: CvT(cvt_13(classes=3)), (4, 4), id="cvt, the last of three stages"),
        pytest.param(lambda: CPVT(cpvt_tiny(classes=3)), (4, 4), id="cpvt"),
    ],
)
def test_heat_has_the_grid_of_the_last_layers(model, grid: tuple[int, int]) -> None:
    torch.manual_seed(0)
    heat = class_heat(model().eval(), torch.rand(3, 64, 64), [1])
    assert heat.shape == grid
    assert (heat >= 0).all()
    assert heat.any()


def _draw(there: Tensor, noise: torch.Generator) -> Tensor:
    """``there`` [n, 2], whether it holds something red, something blue: [n, 3, 32, 32], red left and blue right."""
    pictures = 0.2 * torch.rand(len(there), 3, 32, 32, generator=noise)
    for kind in range(2):
        tops = torch.randint(7, (len(there),), generator=noise) * 4
        rows = torch.arange(32)[None] - tops[:, None]
        square = ((rows >= 0) & (rows < 8) & there[:, kind : kind + 1]).float()  # [n, 32]
        pictures[:, 2 * kind, :, 4 + 16 * kind : 12 + 16 * kind] += 0.8 * square[:, :, None]
    return pictures


def _trained(noise: torch.Generator) -> ViT:
    """It says of each of the two whether it is there, and so must see it to say so."""
    torch.manual_seed(0)
    model = ViT(SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(80):
        there = torch.rand(16, 2, generator=noise) < 0.5
        pictures = _draw(there, noise)
        pictures = torch.where(torch.rand(16, 1, 1, 1, generator=noise) < 0.5, pictures, pictures.flip(-1))
        loss = F.binary_cross_entropy_with_logits(model(pictures), there.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2
    return model.eval().requires_grad_(requires_grad=False)


def test_asked_for_one_of_two_things_the_heat_falls_on_it() -> None:
    noise = torch.Generator().manual_seed(0)
    model = _trained(noise)
    right = []
    for picture in _draw(torch.ones(20, 2, dtype=torch.bool), noise):
        for asked in range(2):
            heat = class_heat(model, picture, [asked])
            left = heat[:, :4].sum() / heat.sum()
            right.append((left > 0.5) == (asked == 0))
    assert sum(right) / len(right) >= 0.8
