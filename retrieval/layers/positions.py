"""Where a token lies: encodings that are learned, fixed, or made from the tokens themselves.

Shapes: n pictures · t = p + r·s tokens: p of the prefix, then a grid of r x s · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.layers.attention import Grid
from retrieval.layers.embeddings import to_map, to_tokens

__all__ = ["ConditionalPositions", "LearnedPositions", "SinusoidalPositions", "interpolate_positions", "sinusoids"]

_LONGEST_WAVE = 10_000.0  # over 2π, in patches: Vaswani et al. 2017, section 3.5


def interpolate_positions(table: Tensor, *, prefix: int, old: Grid, new: Grid) -> Tensor:
    """The ``table`` [1, p + r·s, d] of the grid ``old``, stretched to the grid ``new``; the prefix stays as it is.

    Dosovitskiy et al. 2020, section 3.2. Bicubic, smoothed where the new grid is the smaller, as timm has it.
    """
    if new == old:
        return table
    patches = to_map(table[:, prefix:].float(), old)  # [1, d, r, s]
    stretched = F.interpolate(patches, size=new, mode="bicubic", antialias=True, align_corners=False)
    return torch.cat([table[:, :prefix], to_tokens(stretched).to(table.dtype)], dim=1)


def sinusoids(grid: Grid, width: int) -> Tensor:
    """Sines and cosines of the row in the first half of the width, of the column in the second: [r·s, d].

    Each half is equation PE of Vaswani et al. 2017, section 3.5, sines first.

    Raises:
        ValueError: ``width`` is no multiple of 4.
    """
    if width % 4:
        raise ValueError(f"sinusoidal positions of width {width}: expected a multiple of 4")
    frequencies = _LONGEST_WAVE ** -(torch.arange(width // 4, dtype=torch.float64) / (width // 4))  # [d/4]
    rows, columns = (torch.arange(length, dtype=torch.float64)[:, None] * frequencies for length in grid)
    by_row = torch.cat([rows.sin(), rows.cos()], dim=1)[:, None].expand(-1, grid[1], -1)  # [r, s, d/2]
    by_column = torch.cat([columns.sin(), columns.cos()], dim=1)[None].expand(grid[0], -1, -1)  # [r, s, d/2]
    return torch.cat([by_row, by_column], dim=2).flatten(0, 1).float()


class LearnedPositions(nn.Module):
    """A learned vector for each token of the training size (Dosovitskiy et al. 2020, equation 1)."""

    def __init__(self, *, prefix: int, grid: Grid, width: int) -> None:
        super().__init__()
        self.prefix = prefix
        self.grid = grid
        self.table = nn.Parameter(torch.empty(1, prefix + grid[0] * grid[1], width))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """``tokens`` [n, t, d] with their places added; interpolated where ``grid`` is not the training size's."""
        return tokens + interpolate_positions(self.table, prefix=self.prefix, old=self.grid, new=grid)


class SinusoidalPositions(nn.Module):
    """A fixed vector for each token of the training size; none for the prefix. Interpolated as learned ones are, so
    that the two differ in their table alone."""

    def __init__(self, *, prefix: int, grid: Grid, width: int) -> None:
        super().__init__()
        self.prefix = prefix
        self.grid = grid
        self.table: Tensor
        table = F.pad(sinusoids(grid, width), (0, 0, prefix, 0))[None]  # [1, p + r·s, d]
        self.register_buffer("table", table, persistent=False)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """``tokens`` [n, t, d] with their places added."""
        return tokens + interpolate_positions(self.table, prefix=self.prefix, old=self.grid, new=grid)


class ConditionalPositions(nn.Module):
    """The position encoding generator, PEG (Chu et al. 2021): a depth-wise convolution over the grid.

    Zero padding tells how far the border is; the convolution carries it inwards, layer by layer. So a token's place
    is conditioned on its neighbours, and any grid will do.
    """

    def __init__(self, *, prefix: int, width: int, kernel: int = 3) -> None:
        super().__init__()
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"a PEG with kernel {kernel}: expected 3, 5, 7 …")
        self.prefix = prefix
        self.convolution = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """``tokens`` [n, t, d] with their places added; the prefix is passed on untouched."""
        prefix, patches = tokens[:, : self.prefix], tokens[:, self.prefix :]
        return torch.cat([prefix, patches + to_tokens(self.convolution(to_map(patches, grid)))], dim=1)
