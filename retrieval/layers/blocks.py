"""The encoder's layer, and what it is made of besides attention.

Shapes: n pictures · t tokens · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retrieval.layers.attention import Grid, LayerAttention

__all__ = ["DropPath", "EncoderBlock", "Mlp", "drop_path_rates"]


class Mlp(nn.Module):
    """Two layers with the exact GELU between them, on each token alone (Dosovitskiy et al. 2020, section 3.1)."""

    def __init__(self, *, width: int, hidden: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, hidden)
        self.activation = nn.GELU()
        self.narrow = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """``tokens`` [n, t, d] to the same shape."""
        output: Tensor = self.narrow(self.activation(self.widen(tokens)))
        return output


class DropPath(nn.Module):
    """Leaves a branch out for some pictures of a batch, in training (Huang et al. 2016, "Deep Networks with
    Stochastic Depth"); those that keep it have it enlarged, so that its mean stays."""

    def __init__(self, *, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"drop path rate {rate}: expected 0 or more, and less than 1")
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """``branch`` [n, t, d] to the same shape."""
        if not self.training or self.rate == 0:
            return branch
        kept = branch.new_empty(branch.shape[0], *[1] * (branch.ndim - 1)).bernoulli_(1 - self.rate)
        return branch * kept / (1 - self.rate)


def drop_path_rates(last: float, layers: int) -> list[float]:
    """A rate for each layer: 0 at the first, ``last`` at the last, in equal steps (Huang et al. 2016, section 3)."""
    return [float(rate) for rate in torch.linspace(0, last, layers, device="cpu")]


class EncoderBlock(nn.Module):
    """x' = x + attention(norm(x)), x'' = x' + mlp(norm(x')): Dosovitskiy et al. 2020, equations 2 and 3."""

    def __init__(
        self,
        *,
        attention_norm: nn.Module,
        attention: nn.Module,
        mlp_norm: nn.Module,
        mlp: nn.Module,
        drop_path: nn.Module,
    ) -> None:
        """``attention`` takes tokens, their grid and the list to read into."""
        super().__init__()
        self.attention_norm = attention_norm
        self.attention = attention
        self.mlp_norm = mlp_norm
        self.mlp = mlp
        self.drop_path = drop_path

    def forward(self, tokens: Tensor, grid: Grid, read: list[LayerAttention] | None = None) -> Tensor:
        """``tokens`` [n, t, d] to the same shape."""
        tokens = tokens + self.drop_path(self.attention(self.attention_norm(tokens), grid, read))
        output: Tensor = tokens + self.drop_path(self.mlp(self.mlp_norm(tokens)))
        return output
