"""The starter's text head in torch, frozen, so that what feeds it can learn (see :mod:`retrieval.spaces.heads`).

Shapes: m sentences · l landmarks · d the space.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.spaces.heads import StarterHeads

__all__ = ["StarterText"]


class StarterText(nn.Module):
    """From sentence vectors [m, 384] to the starter's [m, d], as :meth:`StarterHeads.embed_texts` does."""

    linear: Tensor
    linear_bias: Tensor
    hidden: Tensor
    hidden_bias: Tensor
    out: Tensor
    landmarks: Tensor
    lengths: Tensor
    """Squared, of the landmarks [l]."""
    gamma: Tensor
    kernel_out: Tensor
    kernel_bias: Tensor
    gate: Tensor
    gate_bias: Tensor
    shares: Tensor

    def __init__(self, heads: StarterHeads) -> None:
        super().__init__()
        head = heads.text
        for name in ("linear", "linear_bias", "hidden", "hidden_bias", "out"):
            self._keep(name, getattr(head.mlp, name))
        landmarks = (head.kernel.landmarks * head.kernel.step).astype(np.float32)
        self._keep("landmarks", landmarks)
        self._keep("lengths", (landmarks * landmarks).sum(1))
        self._keep("gamma", head.kernel.gamma)
        self._keep("kernel_out", head.kernel.out)
        self._keep("kernel_bias", head.kernel.bias)
        self._keep("gate", head.gate)
        self._keep("gate_bias", head.gate_bias)
        self._keep("shares", head.shares)
        # What the hubs do to a text is the same for all: it shows on any.
        joined = heads.hubs.join_texts(np.eye(1, head.dim, dtype=np.float32))
        self.scale, self.reading = float(joined[0, 0]), float(joined[0, -1])

    def _keep(self, name: str, array: NDArray[Any]) -> None:
        self.register_buffer(name, torch.from_numpy(np.array(array, np.float32)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [m, 384] → [m, d], rows of length 1."""
        hidden = F.gelu(x @ self.hidden + self.hidden_bias, approximate="tanh")
        mlp = F.normalize(x @ self.linear + hidden @ self.out + self.linear_bias, dim=-1)
        squares = (x * x).sum(1, keepdim=True) + self.lengths - 2 * (x @ self.landmarks.T)
        kernel = F.normalize(torch.exp(-self.gamma * squares) @ self.kernel_out + self.kernel_bias, dim=-1)
        low, high = self.shares
        share = low + (high - low) * torch.sigmoid(x @ self.gate + self.gate_bias)[:, None]
        joined = self.scale * F.normalize(torch.cat([mlp, share * kernel], dim=1), dim=-1)
        return F.pad(joined, (0, 1), value=self.reading)
