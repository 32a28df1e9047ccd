"""Aligned terms of an MMT: parts of the text held against parts of the video, in a space that knows both already.

See :class:`retrieval.models.mmt_config.AlignedTerm`. Of one term, with s_l the frozen state of token l, u_l what the
text's upper layers make of it, f_k a feature of the expert, and z_k what the video transformer makes of it:

    φ = g(unit Σ_l softmax_l(a · u_l + b) s_l)          ψ = unit Σ_k softmax_k(c · z_k + d) f_k

where g brings a sentence vector into the picture space, or leaves it as it is. With even attention φ is the whole
text's own vector there, and ψ the mean of the features. Padding has no share; an expert that is missing makes ψ zero.

Shapes: n windows · q texts · k slots · t tokens · d width · a_i width of a term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.models.mmt_config import AlignedText, MmtConfig
from retrieval.models.mmt_inputs import ExpertBatch, TextBatch

__all__ = ["AlignedTexts", "AlignedVideos", "PictureText"]

PictureText = Callable[[Tensor], Tensor]
"""From sentence vectors [m, 384] of length 1 to the picture space, [m, f]."""


class AlignedVideos(nn.Module):
    """The video side: where each term looks."""

    def __init__(self, config: MmtConfig) -> None:
        super().__init__()
        self.experts = [config.names.index(term.expert) for term in config.aligned]
        self.scores = nn.ModuleList(nn.Linear(config.width, 1) for _ in config.aligned)

    def forward(self, states: Sequence[Tensor], batches: Sequence[ExpertBatch[Tensor]]) -> tuple[Tensor, ...]:
        """``states`` [n, k, d] of each expert's features, to [n, a_i] of each term."""
        return tuple(
            _drawn_together(score(states[expert]), batches[expert].mask, batches[expert].features)
            for expert, score in zip(self.experts, self.scores, strict=True)
        )


class AlignedTexts(nn.Module):
    """The text side: which words each term reads."""

    def __init__(self, config: MmtConfig, picture_text: PictureText | None) -> None:
        super().__init__()
        self.terms = config.aligned
        self.scores = nn.ModuleList(nn.Linear(config.text.dim, 1) for _ in config.aligned)
        if picture_text is None and any(term.text is AlignedText.PICTURES for term in self.terms):
            raise ValueError("an aligned term compares with pictures: expected the picture space's text head")
        self._picture_text = (picture_text,)  # in a tuple: its weights are frozen, and none of this model's

    def forward(self, states: Tensor, batch: TextBatch[Tensor]) -> tuple[Tensor, ...]:
        """``states`` [q, t, d] of the tokens, to [q, a_i] of each term."""
        return tuple(
            self._brought(term.text, _drawn_together(score(states), batch.mask, batch.tokens))
            for term, score in zip(self.terms, self.scores, strict=True)
        )

    def _brought(self, space: AlignedText, sentences: Tensor) -> Tensor:
        (head,) = self._picture_text
        return head(sentences) if space is AlignedText.PICTURES and head is not None else sentences


def _drawn_together(scores: Tensor, mask: Tensor, rows: Tensor) -> Tensor:
    """``scores`` [n, k, 1], ``mask`` [n, k], ``rows`` [n, k, a] to [n, a], of length 1; zeros where all is padding."""
    if not rows.shape[1]:
        return rows.new_zeros(len(rows), rows.shape[2])
    # The least finite number, not minus infinity: where all is padding, shares are even, and not undefined.
    held = scores.squeeze(-1).float().masked_fill(~mask, torch.finfo(torch.float32).min)
    shares = held.softmax(dim=1) * mask
    return F.normalize((shares[..., None] * rows).sum(dim=1), dim=-1)
