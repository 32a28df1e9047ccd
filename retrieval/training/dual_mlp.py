"""The two MLPs that gradient descent trains, in torch, and how they become parts of the heads.

Shapes: n rows · i inputs · h hidden · d the space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.spaces.heads import SENTENCE, MlpPart

__all__ = ["DualMlp", "TrainedMlp", "cosine_schedule"]

_SENTENCE_SCALE: Final = 10.0  # a sentence vector has length 1: this brings its numbers near those of the pictures
_CAPTION_HEAT, _NAME_HEAT, _MOST_HEAT = 20.0, 30.0, 100.0


class TrainedMlp(nn.Module):
    """:class:`retrieval.spaces.heads.MlpPart` with dropout, to be trained."""

    def __init__(self, *, inputs: int, hidden: int, dim: int, dropout: float, scale: float) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, dim)
        self.hidden = nn.Linear(inputs, hidden)
        self.out = nn.Linear(hidden, dim, bias=False)
        self.drop_input, self.drop_hidden = nn.Dropout(dropout / 2), nn.Dropout(dropout)
        self._scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """x [n, i] → [n, d], rows of length 1."""
        x = self.drop_input(x * self._scale)
        hidden = self.drop_hidden(F.gelu(self.hidden(x), approximate="tanh"))
        return F.normalize(self.linear(x) + self.out(hidden), dim=-1)

    def part(self) -> MlpPart:
        """The same in numpy."""
        linear, hidden, out = (layer.weight.detach().numpy().T for layer in (self.linear, self.hidden, self.out))
        biases = self.linear.bias.detach().numpy(), self.hidden.bias.detach().numpy()
        scale = np.float32(self._scale)
        return MlpPart(linear * scale, biases[0], hidden * scale, biases[1], out)


class DualMlp(nn.Module):
    """Both MLPs and the logarithms of two inverse temperatures, of captions and of names."""

    def __init__(self, *, inputs: int, picture_hidden: int, text_hidden: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.picture = TrainedMlp(inputs=inputs, hidden=picture_hidden, dim=dim, dropout=dropout, scale=1.0)
        self.text = TrainedMlp(inputs=SENTENCE, hidden=text_hidden, dim=dim, dropout=dropout, scale=_SENTENCE_SCALE)
        self.caption_heat = nn.Parameter(torch.tensor(math.log(_CAPTION_HEAT)))
        self.name_heat = nn.Parameter(torch.tensor(math.log(_NAME_HEAT)))

    def caption_scores(self, texts: Tensor, pictures: Tensor) -> Tensor:
        """Heated inner products of embeddings [k, d] and [n, d]: [k, n]."""
        return self.caption_heat.exp().clamp(max=_MOST_HEAT) * (texts @ pictures.T)

    def name_scores(self, pictures: Tensor, texts: Tensor) -> Tensor:
        """Heated inner products of embeddings [n, d] and [k, d]: [n, k]."""
        return self.name_heat.exp().clamp(max=_MOST_HEAT) * (pictures @ texts.T)

    def optimizer(self, *, rate: float, decay: float) -> torch.optim.Optimizer:
        """AdamW (Loshchilov & Hutter 2019); only matrices decay, and the temperatures go ten times as fast."""
        matrices = [weight for weight in self.parameters() if weight.ndim == 2]
        biases = [weight for weight in self.parameters() if weight.ndim == 1]
        groups = [
            {"params": matrices, "weight_decay": decay, "lr": rate},
            {"params": biases, "weight_decay": 0.0, "lr": rate},
            {"params": [self.caption_heat, self.name_heat], "weight_decay": 0.0, "lr": 10 * rate},
        ]
        return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def cosine_schedule(steps: int) -> Callable[[int], float]:
    """The share of the rate at each step: up over 20 steps, then down to 1 % by a cosine."""
    return lambda step: min(1.0, (step + 1) / 20) * (0.5 + 0.5 * math.cos(math.pi * step / steps) + 0.01)
