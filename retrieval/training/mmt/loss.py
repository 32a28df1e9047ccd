"""The losses of an MMT over the similarities of a batch.

Shapes: n clips, each with one of its captions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from retrieval.models.mmt import TextVectors, VideoVectors
from retrieval.training.losses import clip_loss
from retrieval.training.mmt.recipe import Loss, MmtRecipe

__all__ = ["batch_loss", "loss_of_each_expert", "max_margin"]


def max_margin(similarities: Tensor, margin: float) -> Tensor:
    """Mean of max(0, margin + s_ij − s_ii) and max(0, margin + s_ji − s_ii) over i ≠ j (Gabeur et al. 2020, eq. 4).

    Args:
        similarities: of each caption (row) with each clip (column), [n, n]; those on the diagonal belong together.
        margin: by which they are to stand out.
    """
    right = similarities.diagonal()
    others = ~torch.eye(len(right), dtype=torch.bool, device=right.device)
    by_caption = (margin + similarities - right[:, None]).clamp(min=0)[others]
    by_clip = (margin + similarities - right[None, :]).clamp(min=0)[others]
    return torch.cat([by_caption, by_clip]).mean()


def batch_loss(similarities: Tensor, recipe: MmtRecipe) -> Tensor:
    """What ``recipe`` makes small, of ``similarities`` [n, n]."""
    if recipe.loss is Loss.MARGIN:
        return max_margin(similarities, recipe.margin)
    return clip_loss(similarities / recipe.temperature) / 2


def loss_of_each_expert(texts: TextVectors, videos: VideoVectors, recipe: MmtRecipe) -> Tensor:
    """The mean over experts of the loss of ⟨φ_i, ψ_i⟩ alone, each over the clips that have the expert.

    0 where two clips of the batch share no expert: there is nothing to tell apart.
    """
    losses = []
    for row in range(videos.experts.shape[1]):
        held = videos.present[:, row].nonzero()[:, 0]
        if len(held) > 1:
            alone = texts.experts[held, row].float() @ videos.experts[held, row].float().T
            losses.append(batch_loss(alone, recipe))
    return torch.stack(losses).mean() if losses else videos.experts.sum() * 0
