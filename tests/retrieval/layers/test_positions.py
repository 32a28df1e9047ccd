"""Position encodings against their equations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from retrieval.layers.positions import (
    ConditionalPositions,
    LearnedPositions,
    SinusoidalPositions,
    interpolate_positions,
    sinusoids,
)


def tokens_of(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def peg(*, prefix: int, width: int = 6, kernel: int = 3) -> ConditionalPositions:
    torch.manual_seed(2)
    return ConditionalPositions(prefix=prefix, width=width, kernel=kernel)


@pytest.mark.parametrize("prefix", [0, 1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_peg_adds_a_depth_wise_convolution_with_zeros_around(prefix: int, kernel: int) -> None:
    """Written out as sums over a padded grid, with no convolution of torch's."""
    rows, columns, width = 3, 4, 6
    positions, tokens = peg(prefix=prefix, kernel=kernel), tokens_of(2, prefix + rows * columns, width)
    grid = tokens[:, prefix:].reshape(2, rows, columns, width)
    reach = kernel // 2
    padded = F.pad(grid, (0, 0, reach, reach, reach, reach))
    weight, bias = positions.convolution.weight, positions.convolution.bias
    assert bias is not None
    expected = grid + bias
    for down in range(kernel):
        for right in range(kernel):
            expected = expected + weight[:, 0, down, right] * padded[:, down : down + rows, right : right + columns]

    given = positions(tokens, (rows, columns))

    torch.testing.assert_close(given[:, prefix:], expected.reshape(2, rows * columns, width), rtol=0, atol=1e-5)


def test_peg_leaves_the_class_token_untouched() -> None:
    tokens = tokens_of(2, 1 + 9, 6)

    torch.testing.assert_close(peg(prefix=1)(tokens, (3, 3))[:, :1], tokens[:, :1], rtol=0, atol=0)


def test_peg_moves_with_the_picture_away_from_the_border_and_not_at_it() -> None:
    """Translation equivalence; and the zeros outside, which alone tell absolute places."""
    positions = peg(prefix=0)
    picture = torch.zeros(1, 8, 8, 6)
    picture[:, 2:4, 2:4] = tokens_of(1, 2, 2, 6)
    inside = picture.roll((2, 1), dims=(1, 2))

    def encoded(grid: Tensor) -> Tensor:
        return positions(grid.reshape(1, 64, 6), (8, 8)).reshape(1, 8, 8, 6)

    torch.testing.assert_close(encoded(inside), encoded(picture).roll((2, 1), dims=(1, 2)), rtol=0, atol=1e-6)

    flat = torch.ones(1, 8, 8, 6)
    torch.testing.assert_close(encoded(flat)[:, 3, 3], encoded(flat)[:, 4, 5], rtol=0, atol=1e-6)
    assert not torch.allclose(encoded(flat)[:, 0, 0], encoded(flat)[:, 4, 5], atol=1e-2)


def test_an_even_peg_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a PEG with kernel 4: expected 3, 5, 7"):
        ConditionalPositions(prefix=0, width=8, kernel=4)


def test_sinusoids_are_the_papers_for_row_and_column() -> None:
    table = sinusoids((3, 5), 16).reshape(3, 5, 16)

    for row in range(3):
        for column in range(5):
            angles = [place / 10_000 ** (i / 4) for place in (row, column) for i in range(4)]
            expected = [math.sin(a) for a in angles[:4]] + [math.cos(a) for a in angles[:4]]
            expected += [math.sin(a) for a in angles[4:]] + [math.cos(a) for a in angles[4:]]
            torch.testing.assert_close(table[row, column], torch.tensor(expected), rtol=0, atol=1e-6)


def test_sinusoids_of_an_odd_width_are_refused() -> None:
    with pytest.raises(ValueError, match="sinusoidal positions of width 18: expected a multiple of 4"):
        sinusoids((2, 2), 18)


@pytest.mark.parametrize("kind", [LearnedPositions, SinusoidalPositions])
def test_tables_are_added_and_stretched(kind: type[LearnedPositions | SinusoidalPositions]) -> None:
    positions = kind(prefix=1, grid=(4, 4), width=8)
    table = positions.table.detach()

    torch.testing.assert_close(positions(torch.zeros(2, 17, 8), (4, 4)).detach(), table.expand(2, -1, -1))
    stretched = positions(torch.zeros(2, 1 + 48, 8), (6, 8)).detach()
    torch.testing.assert_close(stretched[:1, :1], table[:, :1])  # the prefix has no place to stretch
    torch.testing.assert_close(
        stretched[:1], interpolate_positions(table, prefix=1, old=(4, 4), new=(6, 8)), rtol=0, atol=0
    )


def test_sinusoids_are_a_buffer_that_no_checkpoint_holds() -> None:
    positions = SinusoidalPositions(prefix=1, grid=(2, 2), width=8)

    assert positions.double().table.dtype == torch.float64
    assert not positions.state_dict()
    assert not list(positions.parameters())
