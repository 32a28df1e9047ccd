"""What an encoder's layer is made of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from retrieval.layers.attention import MultiHeadAttention
from retrieval.layers.blocks import DropPath, EncoderBlock, Mlp, drop_path_rates


def test_drop_path_leaves_whole_pictures_out_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropped = DropPath(rate=0.25)(torch.ones(4000, 2, 3))

    by_picture = dropped.flatten(1)
    assert ((by_picture == 0).all(dim=1) | (by_picture == 1 / 0.75).all(dim=1)).all()
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)


def test_drop_path_is_silent_outside_training() -> None:
    branch = torch.randn(3, 2, 4)

    assert torch.equal(DropPath(rate=0.9).eval()(branch), branch)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_drop_path_rate_that_is_no_share_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=f"drop path rate {rate}: expected 0 or more, and less than 1"):
        DropPath(rate=rate)


def test_drop_path_rates_grow_in_equal_steps() -> None:
    assert drop_path_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1) == [0]


def test_a_block_whose_branches_are_dropped_passes_tokens_on() -> None:
    class Silence(nn.Module):
        def forward(self, branch: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(branch)

    block = EncoderBlock(
        attention_norm=nn.LayerNorm(8),
        attention=MultiHeadAttention(width=8, heads=2),
        mlp_norm=nn.LayerNorm(8),
        mlp=Mlp(width=8, hidden=16),
        drop_path=Silence(),
    )
    tokens = torch.randn(2, 6, 8)

    assert torch.equal(block(tokens, (2, 3)), tokens)
