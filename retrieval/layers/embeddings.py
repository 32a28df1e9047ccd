"""From pixels, or a map of features, to tokens.

Shapes: n pictures · c channels · x, y height and width of what comes in · (r, s) the grid of tokens · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retrieval.errors import ModelError
from retrieval.layers.attention import Grid

__all__ = ["ConvolutionalTokenEmbedding", "PatchEmbedding", "prepend", "to_map", "to_tokens"]


def to_tokens(feature_map: Tensor) -> Tensor:
    """[n, d, r, s] to [n, r·s, d], row by row."""
    return feature_map.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor, grid: Grid) -> Tensor:
    """[n, r·s, d] to [n, d, r, s]: undoes :func:`to_tokens`."""
    return tokens.transpose(1, 2).reshape(tokens.shape[0], tokens.shape[2], *grid)


def prepend(prefix: Tensor, tokens: Tensor) -> Tensor:
    """The learned ``prefix`` [1, p, d] before the ``tokens`` [n, t, d] of each picture: [n, p + t, d]."""
    return torch.cat([prefix.expand(tokens.shape[0], -1, -1), tokens], dim=1)


class PatchEmbedding(nn.Module):
    """Cuts pictures into squares that don't overlap, and projects each (Dosovitskiy et al. 2020, equation 1)."""

    def __init__(self, *, patch_size: int, width: int, channels: int = 3) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.projection = nn.Conv2d(channels, width, patch_size, stride=patch_size)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Grid]:
        """``pixels`` [n, c, x, y] to tokens [n, r·s, d] and their grid (r, s) = (x, y) / patch size.

        Raises:
            ModelError: a side is no multiple of the patch size; what is left over would be cut off unseen.
        """
        height, width = pixels.shape[-2:]
        if height % self.patch_size or width % self.patch_size or 0 in (height, width):
            raise ModelError(
                f"a picture of {height} x {width} can't be cut into patches of {self.patch_size} x {self.patch_size}: "
                f"resize it to sides that are multiples of {self.patch_size}"
            )
        grid = (height // self.patch_size, width // self.patch_size)
        return to_tokens(self.projection(pixels)), grid


class ConvolutionalTokenEmbedding(nn.Module):
    """Tokens from patches that overlap, each normalised (Wu et al. 2021, section 3.1, equation 1)."""

    def __init__(self, *, channels: int, width: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(channels, width, kernel, stride=stride, padding=padding)
        self.norm = nn.LayerNorm(width)

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Grid]:
        """``feature_map`` [n, c, x, y] to tokens [n, r·s, d] and their grid (r, s), by the convolution's arithmetic."""
        projected: Tensor = self.projection(feature_map)  # [n, d, r, s]
        rows, columns = projected.shape[-2:]
        tokens: Tensor = self.norm(to_tokens(projected))
        return tokens, (rows, columns)
