"""What the parity tests of the papers' picture models share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

Scramble = Callable[[nn.Module], None]
Noise = Callable[[int, int], Tensor]


@pytest.fixture(scope="session")
def scramble() -> Scramble:
    """Moves every weight and running mean away from its start, so that none can be missed: norms start at 1,
    biases at 0."""

    def move(model: nn.Module) -> None:
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.2 * torch.randn(parameter.shape, generator=generator)
            for name, buffer in model.named_buffers():
                if name.endswith(("running_mean", "running_var")):
                    buffer += torch.rand(buffer.shape, generator=generator)

    return move


@pytest.fixture(scope="session")
def noise() -> Noise:
    """Two pictures of noise, [2, 3, height, width]."""

    def make(height: int, width: int) -> Tensor:
        return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(5))

    return make
