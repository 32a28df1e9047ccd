"""Attention against its equation, fused and read out."""

from __future__ import annotations

import pytest
import torch

from retrieval.layers.attention import LayerAttention, MultiHeadAttention, attend, join_heads, split_heads


def test_both_ways_give_the_same_and_the_weights_are_the_equations() -> None:
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 3, 5, 4, generator=generator)  # a class token and a grid of 2 x 2
    key, value = (torch.randn(2, 3, 2, 4, generator=generator) for _ in range(2))  # squeezed to 1 x 1
    read: list[LayerAttention] = []

    quick, opened = (
        attend(query, key, value, scale=0.3, query_grid=(2, 2), key_grid=(1, 1), read=into) for into in (None, read)
    )

    torch.testing.assert_close(opened, quick, rtol=0, atol=1e-6)
    (layer,) = read
    raised = torch.exp(0.3 * torch.einsum("nhqe,nhke->nhqk", query, key))
    torch.testing.assert_close(layer.weights, raised / raised.sum(dim=-1, keepdim=True), rtol=0, atol=1e-6)
    assert layer.prefix == 1


def test_attention_equals_torchs_own() -> None:
    torch.manual_seed(0)
    ours = MultiHeadAttention(width=12, heads=3)
    twin = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        twin.in_proj_weight.copy_(ours.query_key_value.weight)
        twin.in_proj_bias.copy_(ours.query_key_value.bias)
        twin.out_proj.load_state_dict(ours.output.state_dict())
    tokens = torch.randn(2, 6, 12)
    read: list[LayerAttention] = []

    mixed = ours(tokens, (2, 3), read)

    expected, weights = twin(tokens, tokens, tokens, average_attn_weights=False)
    torch.testing.assert_close(mixed, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(read[0].weights, weights, rtol=0, atol=1e-6)


def test_heads_are_joined_as_they_were_split() -> None:
    tokens = torch.randn(2, 5, 12)

    assert split_heads(tokens, 3).shape == (2, 3, 5, 4)
    assert torch.equal(join_heads(split_heads(tokens, 3)), tokens)


def test_weights_that_fit_no_grid_are_refused() -> None:
    with pytest.raises(ValueError, match=r"attention weights \[1, 2, 5, 4\] don't fit grids \(2, 2\) on \(2, 2\)"):
        LayerAttention(torch.zeros(1, 2, 5, 4), (2, 2), (2, 2))


def test_it_shows_shapes_and_not_numbers() -> None:
    assert repr(LayerAttention(torch.zeros(1, 2, 5, 2), (2, 2), (1, 1))) == (
        "LayerAttention(weights[1, 2, 5, 2], (2, 2) on (1, 1))"
    )
