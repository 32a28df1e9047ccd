"""The values that training starts from."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["initialise", "learned_token"]

_DEVIATION = 0.02


def initialise(module: nn.Module) -> None:
    """Linear layers of ``module``: weights from a normal distribution of deviation 0.02, biases 0.

    As in DeiT (Touvron et al. 2021, section 6), CvT and BERT; it is cut off at ±2, not at two deviations. Norms
    and convolutions keep torch's own start.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.trunc_normal_(part.weight, std=_DEVIATION)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def learned_token(width: int) -> nn.Parameter:
    """One token that is the same for every picture: [1, 1, d]."""
    token = nn.Parameter(torch.empty(1, 1, width))
    nn.init.trunc_normal_(token, std=_DEVIATION)
    return token
