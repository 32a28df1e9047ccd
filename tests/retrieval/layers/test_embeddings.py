"""Pixels to tokens, in reading order."""

from __future__ import annotations

import pytest
import torch

from retrieval.errors import ModelError
from retrieval.layers.embeddings import ConvolutionalTokenEmbedding, PatchEmbedding, prepend, to_map, to_tokens


def test_each_token_is_the_projection_of_its_own_patch() -> None:
    torch.manual_seed(0)
    embedding, pixels = PatchEmbedding(patch_size=4, width=6), torch.randn(2, 3, 8, 12)

    tokens, grid = embedding(pixels)

    assert grid == (2, 3)
    flat = embedding.projection.weight.flatten(1)  # equation 1's E, transposed
    fifth = pixels[:, :, 4:8, 4:8].flatten(1)
    torch.testing.assert_close(tokens[:, 4], fifth @ flat.T + embedding.projection.bias, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(9, 8), (8, 10), (3, 8)])
def test_what_patches_do_not_fill_is_refused_and_not_cut_off(height: int, width: int) -> None:
    with pytest.raises(ModelError, match=f"a picture of {height} x {width} can't be cut into patches of 4 x 4: resize"):
        PatchEmbedding(patch_size=4, width=6)(torch.zeros(1, 3, height, width))


def test_convolutional_tokens_overlap_and_are_normalised() -> None:
    torch.manual_seed(0)
    embedding = ConvolutionalTokenEmbedding(channels=3, width=8, kernel=7, stride=4, padding=2)
    pixels = torch.randn(1, 3, 16, 20)
    tokens, grid = embedding(pixels)

    assert grid == (4, 5)  # floor((16 + 2·2 - 7) / 4 + 1), floor((20 + 2·2 - 7) / 4 + 1)
    torch.testing.assert_close(tokens.mean(dim=-1), torch.zeros(1, 20), rtol=0, atol=1e-5)
    pixels[..., 4:6, 4:6] += 1  # where four patches overlap
    moved, _ = embedding(pixels)
    changed = (moved != tokens).any(dim=-1).reshape(4, 5)
    assert changed.nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_tokens_and_maps_turn_into_each_other() -> None:
    feature_map = torch.randn(2, 5, 3, 4)

    assert torch.equal(to_tokens(feature_map)[:, 6], feature_map[:, :, 1, 2])
    assert torch.equal(to_map(to_tokens(feature_map), (3, 4)), feature_map)


def test_a_prefix_stands_before_the_tokens_of_each_picture() -> None:
    tokens, prefix = torch.randn(3, 4, 5), torch.randn(1, 1, 5)

    joined = prepend(prefix, tokens)

    assert joined.shape == (3, 5, 5)
    assert torch.equal(joined[:, 0], prefix[0].expand(3, 5))
    assert torch.equal(joined[:, 1:], tokens)
