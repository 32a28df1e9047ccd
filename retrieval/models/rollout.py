"""Where a transformer looked, for the whole picture or for one class.

Attention rollout: Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", section 3: with the heads' mean
W_l and the shortcut around each layer, Ã = ½ W + ½ I, and R = Ã_L … Ã_1 says how much of each token's end comes from
each token's beginning.

For a class: Chefer, Gur & Wolf 2021, "Generic Attention-model Explainability", equations 5 and 6: Ā is the heads' mean
of (∇A ⊙ A)⁺, where ∇A is the gradient of the class's logit, and R ← R + Ā R, from the identity on.

What is read out is the class token's row, or the mean of all rows where a model has none. Of a model in stages (CvT)
the last one, whose grid is the coarsest, is followed; keys that stand for several patches share out what they get.

Shapes: n pictures · h heads · t tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from retrieval.layers.attention import AttentionReading, Grid, LayerAttention
from retrieval.types import Float32Array

__all__ = ["ReadsAttention", "attention_rollout", "class_heat"]


class ReadsAttention(Protocol):
    """A model whose attention can be read out."""

    def read_attention(self, pixels: Tensor) -> AttentionReading:
        """``pixels`` [n, 3, height, width] to logits and attention."""


def attention_rollout(layers: Sequence[LayerAttention]) -> Tensor:
    """How much each patch gave to the picture: [n, rows, columns], each summing to at most 1."""
    last = _last_stage(layers)
    rolled = _identity_like(last[0])
    for layer in last:
        weights = _square(layer, layer.weights).mean(dim=1)  # [n, t, t]
        rolled = (weights + _identity_like(layer)) / 2 @ rolled
    return _on_grid(rolled, last[0])


def class_heat(model: ReadsAttention, pixels: Tensor, classes: Sequence[int]) -> Float32Array:
    """What spoke for ``classes`` together, of one picture [3, height, width]: [rows, columns], 0 and above."""
    with torch.enable_grad():
        # Weights that are frozen carry no gradients, and neither would what is made of them alone.
        reading = model.read_attention(pixels[None].requires_grad_())
        asked = reading.logits[0, list(classes)].logsumexp(dim=0)
        last = _last_stage(reading.layers)
        gradients = torch.autograd.grad(asked, [layer.weights for layer in last])
    relevance = _identity_like(last[0])
    for layer, gradient in zip(last, gradients, strict=True):
        spoke = _square(layer, (gradient * layer.weights).clamp(min=0)).mean(dim=1)  # [n, t, t]
        relevance = relevance + spoke @ relevance
    own = _identity_like(last[0])
    heat: Float32Array = _on_grid(relevance - own, last[0])[0].detach().float().cpu().numpy()
    return heat


def _last_stage(layers: Sequence[LayerAttention]) -> list[LayerAttention]:
    return [layer for layer in layers if layer.query_grid == layers[-1].query_grid]


def _identity_like(layer: LayerAttention) -> Tensor:
    """[1, t, t]."""
    tokens = layer.weights.shape[-2]
    return torch.eye(tokens, dtype=layer.weights.dtype, device=layer.weights.device)[None]


def _square(layer: LayerAttention, values: Tensor) -> Tensor:
    """``values`` [n, h, q, k] with a column for each patch, [n, h, q, q]: squeezed keys share theirs out."""
    if layer.query_grid == layer.key_grid:
        return values
    owners, counts = _owners(layer.query_grid, layer.key_grid)
    owners, counts = owners.to(values.device), counts.to(values.device)
    patches = values[..., layer.prefix :]
    shared = patches[..., owners] / counts[owners]
    return torch.cat([values[..., : layer.prefix], shared], dim=-1)


def _owners(patches: Grid, keys: Grid) -> tuple[Tensor, Tensor]:
    """The key that stands for each patch [q], and how many patches each key stands for [k]."""
    rows, columns = ((torch.arange(many) * few // many) for many, few in zip(patches, keys, strict=True))
    owners = (rows[:, None] * keys[1] + columns).flatten()
    return owners, torch.bincount(owners, minlength=keys[0] * keys[1])


def _on_grid(flow: Tensor, layer: LayerAttention) -> Tensor:
    """The picture's row of ``flow`` [n, t, t], over the patches: [n, rows, columns]."""
    read = flow[:, 0] if layer.prefix else flow.mean(dim=1)  # [n, t]
    return read[:, layer.prefix :].reshape(-1, *layer.query_grid)
