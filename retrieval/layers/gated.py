"""Gates: from one vector of a text to one for each expert, and from experts to each other.

Shapes: n rows · e experts · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["CollaborativeGating", "GatedEmbeddingUnit"]


class GatedEmbeddingUnit(nn.Module):
    """y = W₁x + b₁, then y · sigmoid(BN(W₂y + b₂)), scaled to length 1.

    Miech et al. 2018, "Learning a Text-Video Embedding from Incomplete and Heterogeneous Data", equations 1 to 3;
    with batch normalisation of the gate as in Gabeur et al. 2020.
    """

    def __init__(self, *, inputs: int, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(inputs, width)
        self.gate = nn.Linear(width, width)
        self.gate_norm = nn.BatchNorm1d(width)

    def forward(self, rows: Tensor) -> Tensor:
        """``rows`` [n, inputs] to [n, d], each of length 1."""
        projected: Tensor = self.projection(rows)
        opened = self.gate_norm(self.gate(projected)).sigmoid()
        return F.normalize(projected * opened, dim=-1)


class CollaborativeGating(nn.Module):
    """Each expert is gated by what it has in common with the others: the baseline of Gabeur et al. 2020, table 1.

    Liu et al. 2019, "Use What You Have: Video Retrieval Using Representations From Collaborative Experts", equations
    1 and 2: T_i = h(Σ_{j≠i} g(ψ_i, ψ_j)), then ψ_i · sigmoid(T_i). The sum is over the experts that are present, and
    divided by their count.
    """

    def __init__(self, *, width: int, dropout: float) -> None:
        super().__init__()
        self.pair = nn.Sequential(
            nn.Linear(2 * width, width), nn.Dropout(dropout), nn.ReLU(), nn.Linear(width, width)
        )  # g
        self.gate = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout), nn.ReLU(), nn.Linear(width, width))  # h

    def forward(self, experts: Tensor, present: Tensor) -> Tensor:
        """``experts`` [n, e, d] to the same shape; ``present`` [n, e] is true where an expert has something to say."""
        rows, count, width = experts.shape
        shape = rows, count, count, width
        pairs = torch.cat([experts[:, :, None].expand(shape), experts[:, None].expand(shape)], dim=-1)  # [n, e, e, 2d]
        counted = present[:, :, None] & present[:, None] & ~torch.eye(count, dtype=torch.bool, device=present.device)
        shares = counted / counted.sum(dim=-1, keepdim=True).clamp(min=1)  # [n, e, e]
        common = (self.pair(pairs) * shares[..., None]).sum(dim=2)  # [n, e, d]
        gated: Tensor = experts * self.gate(common).sigmoid()
        return gated
