"""The two losses of contrastive training: captions one to one, names by soft labels.

Shapes: n pictures · k texts · d the space.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from retrieval.types import Float32Array

__all__ = ["clip_loss", "soft_choice"]


def clip_loss(scores: Tensor) -> Tensor:
    """Symmetric InfoNCE (Radford et al. 2021, fig. 3), the sum of both ways.

    Args:
        scores: of each text with each picture, [n, n], heated; those on the diagonal belong together.
    """
    target = torch.arange(len(scores))
    return F.cross_entropy(scores, target) + F.cross_entropy(scores.T, target)


def soft_choice(scores: Tensor, fits: Float32Array) -> Tensor:
    """Cross entropy of scores [n, k] with soft labels in proportion to fits [n, k]; rows that nothing fits count 0."""
    target = torch.from_numpy(np.ascontiguousarray(fits / np.maximum(fits.sum(axis=1, keepdims=True), 1e-6)))
    sure = torch.from_numpy(np.ascontiguousarray(fits.max(axis=1) > 0.05)).float()
    return -(sure * (target * scores.log_softmax(dim=-1)).sum(dim=-1)).sum() / sure.sum().clamp(min=1)
