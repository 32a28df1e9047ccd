"""Attention over tokens, whose weights can be read out.

Vaswani et al. 2017, "Attention Is All You Need", equation 1: softmax(q kᵀ · scale) v. Each weight says how much one
token takes of another: the soft attention over all patches of Xu et al. 2015, "Show, Attend and Tell".

Shapes: n pictures · t tokens, q of them asking and k asked · d width · h heads · e = d/h width of a head. Tokens are
the prefix (class token, distillation token, or none), then the patches of a grid, row by row.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["AttentionReading", "Grid", "LayerAttention", "MultiHeadAttention", "attend", "join_heads", "split_heads"]

Grid = tuple[int, int]
"""Rows and columns of patches."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LayerAttention:
    """What one layer looked at.

    ``weights`` [n, h, q, k]: each row of k sums to 1. ``prefix`` tokens come first on both sides, then the patches:
    ``query_grid`` of them ask, and those of ``key_grid`` are asked (a smaller grid where a model squeezes its keys).
    """

    weights: Tensor
    query_grid: Grid
    key_grid: Grid

    def __post_init__(self) -> None:
        queries, keys = (rows * columns for rows, columns in (self.query_grid, self.key_grid))
        if self.weights.shape[-2] - queries != self.weights.shape[-1] - keys or self.prefix < 0:
            raise ValueError(
                f"attention weights {list(self.weights.shape)} don't fit grids {self.query_grid} on {self.key_grid}"
            )

    @property
    def prefix(self) -> int:
        """How many tokens stand before the patches."""
        return self.weights.shape[-2] - self.query_grid[0] * self.query_grid[1]

    def __repr__(self) -> str:
        return f"LayerAttention(weights{list(self.weights.shape)}, {self.query_grid} on {self.key_grid})"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class AttentionReading:
    """A forward pass with its attention: ``logits`` [n, classes], and a :class:`LayerAttention` for each layer."""

    logits: Tensor
    layers: tuple[LayerAttention, ...]

    def __repr__(self) -> str:
        return f"AttentionReading(logits{list(self.logits.shape)}, {len(self.layers)} layers)"


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: float,
    query_grid: Grid,
    key_grid: Grid,
    read: list[LayerAttention] | None,
) -> Tensor:
    """softmax(q kᵀ · scale) v: from ``query`` [n, h, q, e], ``key`` and ``value`` [n, h, k, e] to [n, h, q, e].

    With ``read`` the weights are added to it, and carry gradients; without, torch's fused kernel never writes them out.
    """
    if read is None:
        return F.scaled_dot_product_attention(query, key, value, scale=scale)
    weights = (query * scale @ key.transpose(-2, -1)).softmax(dim=-1)  # [n, h, q, k]
    read.append(LayerAttention(weights, query_grid, key_grid))
    return weights @ value


def split_heads(tokens: Tensor, heads: int) -> Tensor:
    """[n, t, d] to [n, h, t, e]."""
    pictures, count, width = tokens.shape
    return tokens.reshape(pictures, count, heads, width // heads).transpose(1, 2)


def join_heads(tokens: Tensor) -> Tensor:
    """[n, h, t, e] to [n, t, d]."""
    return tokens.transpose(1, 2).flatten(2)


class MultiHeadAttention(nn.Module):
    """Every token attends to all (Vaswani et al. 2017, section 3.2.2; Dosovitskiy et al. 2020, equations 5 to 8)."""

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, tokens: Tensor, grid: Grid, read: list[LayerAttention] | None = None) -> Tensor:
        """``tokens`` [n, t, d] to the same shape. ``grid`` only labels what is read: attention knows no places."""
        pictures, count, width = tokens.shape
        projected: Tensor = self.query_key_value(tokens)  # [n, t, 3·d]
        by_head = projected.reshape(pictures, count, 3, self.heads, width // self.heads)
        query, key, value = by_head.permute(2, 0, 3, 1, 4)  # each [n, h, t, e]
        mixed = attend(query, key, value, scale=self.scale, query_grid=grid, key_grid=grid, read=read)
        output: Tensor = self.output(join_heads(mixed))
        return output
