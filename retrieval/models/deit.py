"""DeiT: ViT taught by another classifier, on little data.

Touvron et al. 2021, "Training data-efficient image transformers & distillation through attention". Beside the class
token stands a distillation token, which learns what the teacher says (section 4, figure 2): its own head reads it, and
the answer is the mean of both heads. The paper adds their softmaxes; the authors' code, and so this, their logits.

Positions are learned for one size and interpolated to others (section 3), or fixed sines and cosines: the
"DeiT-tiny (sine)" that Chu et al. 2021 compare with.

Shapes: n pictures · N patches · p prefix tokens, 1 or with distillation 2 · t = p + N tokens · d width · classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from retrieval.layers.attention import AttentionReading, LayerAttention
from retrieval.layers.embeddings import PatchEmbedding, prepend
from retrieval.layers.initial import initialise, learned_token
from retrieval.layers.positions import LearnedPositions, SinusoidalPositions
from retrieval.models import vit
from retrieval.models.weight_names import NameTable

__all__ = ["TIMM_NAMES", "DeiT", "DeiTConfig", "Positions", "deit_base", "deit_small", "deit_tiny"]


class Positions(StrEnum):
    """How a token's place is told."""

    LEARNED = "learned"
    SINUSOIDAL = "sinusoidal"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeiTConfig(vit.ViTConfig):
    """The proportions of one size (Touvron et al. 2021, table 1): ViT's, and what is DeiT's own."""

    distilled: bool = False
    """Whether a distillation token and its head stand beside the class token and its own."""
    positions: Positions = Positions.LEARNED

    @property
    def prefix(self) -> int:
        """How many tokens stand before the patches."""
        return 2 if self.distilled else 1


# ------------------------------------------------------------------------------------------------------------ parts


def positions(config: DeiTConfig) -> LearnedPositions | SinusoidalPositions:
    """From tokens [n, t, d] to the same with their places added."""
    kind = LearnedPositions if config.positions is Positions.LEARNED else SinusoidalPositions
    return kind(prefix=config.prefix, grid=config.grid, width=config.width)


# --------------------------------------------------------------------------------------------------------- assembly


class DeiT(nn.Module):
    """From normalised pixels to the logits of classes."""

    def __init__(self, config: DeiTConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = PatchEmbedding(patch_size=config.patch_size, width=config.width)
        self.class_token = learned_token(config.width)
        self.distillation_token = learned_token(config.width) if config.distilled else None
        self.positions = positions(config)
        self.blocks = vit.encoder(config)
        self.norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.head = nn.Linear(config.width, config.classes)
        self.distillation_head = nn.Linear(config.width, config.classes) if config.distilled else None
        initialise(self)

    def prefix_features(self, pixels: Tensor, read: list[LayerAttention] | None = None) -> Tensor:
        """``pixels`` [n, 3, height, width], sides multiples of the patch, to the prefix: [n, p, d].

        Raises:
            ModelError: a side is no multiple of the patch.
        """
        tokens, grid = self.patches(pixels)  # [n, N, d]
        if self.distillation_token is not None:
            tokens = prepend(self.distillation_token, tokens)
        tokens = self.positions(prepend(self.class_token, tokens), grid)  # [n, t, d]
        for block in self.blocks:
            tokens = block(tokens, grid, read)
        prefix: Tensor = self.norm(tokens[:, : self.config.prefix])
        return prefix

    def features(self, pixels: Tensor) -> Tensor:
        """``pixels`` [n, 3, height, width] to the mean of the class and distillation token: [n, d]."""
        return self.prefix_features(pixels).mean(dim=1)

    def forward(self, pixels: Tensor, *, heads_apart: bool = False) -> Tensor:
        """``pixels`` [n, 3, height, width] to logits [n, classes].

        ``heads_apart`` gives those of each head, [p, n, classes]: the class token's, which learn the label, then the
        distillation token's, which learn the teacher's answer.
        """
        logits = self._logits(self.prefix_features(pixels))  # [p, n, classes]
        return logits if heads_apart else logits.mean(dim=0)

    def read_attention(self, pixels: Tensor) -> AttentionReading:
        """As :meth:`forward`, with the weights of every layer's attention [n, h, t, t]."""
        read: list[LayerAttention] = []
        logits = self._logits(self.prefix_features(pixels, read)).mean(dim=0)
        return AttentionReading(logits, tuple(read))

    def _logits(self, prefix: Tensor) -> Tensor:
        """[n, p, d] to [p, n, classes]."""
        logits = [self.head(prefix[:, 0])]
        if self.distillation_head is not None:
            logits.append(self.distillation_head(prefix[:, 1]))
        return torch.stack(logits)


# ------------------------------------------------------------------------------------------------------ named sizes


def deit_tiny(
    *,
    distilled: bool = False,
    positions: Positions = Positions.LEARNED,
    picture_size: int = 224,
    classes: int = 1000,
) -> DeiTConfig:
    """DeiT-Ti: 5.7 million parameters."""
    return _size(192, 3, distilled, positions, picture_size, classes)


def deit_small(
    *,
    distilled: bool = False,
    positions: Positions = Positions.LEARNED,
    picture_size: int = 224,
    classes: int = 1000,
) -> DeiTConfig:
    """DeiT-S: 22 million parameters."""
    return _size(384, 6, distilled, positions, picture_size, classes)


def deit_base(
    *,
    distilled: bool = False,
    positions: Positions = Positions.LEARNED,
    picture_size: int = 224,
    classes: int = 1000,
) -> DeiTConfig:
    """DeiT-B: 86 million parameters."""
    return _size(768, 12, distilled, positions, picture_size, classes)


def _size(width: int, heads: int, distilled: bool, positions: Positions, picture_size: int, classes: int) -> DeiTConfig:
    return DeiTConfig(
        layers=12,
        width=width,
        heads=heads,
        distilled=distilled,
        positions=positions,
        picture_size=picture_size,
        classes=classes,
    )


# ----------------------------------------------------------------------------------------------------- weight names

TIMM_NAMES = NameTable(
    {
        **vit.TIMM_NAMES.pairs,
        "distillation_token": "dist_token",
        "distillation_head": "head_dist",
    }
)
"""Ours to timm's ``VisionTransformer`` and ``VisionTransformerDistilled``; the authors' files have the same names."""
