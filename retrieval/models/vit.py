"""ViT: a picture as a sentence of patches.

Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale". Section 3.1,
with the class token x_class, the patches x_p, and their projection E:

    z_0  = [x_class; x_p¹ E; …; x_pᴺ E] + E_pos          (1)
    z'_l = MSA(LN(z_{l−1})) + z_{l−1}                    (2)
    z_l  = MLP(LN(z'_l)) + z'_l                          (3)
    y    = LN(z_L⁰)                                      (4)

Shapes: n pictures · t = 1 + N tokens · d width · classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from retrieval.layers.attention import AttentionReading, Grid, LayerAttention, MultiHeadAttention
from retrieval.layers.blocks import DropPath, EncoderBlock, Mlp, drop_path_rates
from retrieval.layers.embeddings import PatchEmbedding, prepend
from retrieval.layers.initial import initialise, learned_token
from retrieval.layers.positions import LearnedPositions
from retrieval.models.weight_names import NameTable

__all__ = ["TIMM_NAMES", "ViT", "ViTConfig", "encoder", "vit_base", "vit_huge", "vit_large", "vit_small", "vit_tiny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViTConfig:
    """The proportions of one size (Dosovitskiy et al. 2020, table 1)."""

    layers: int
    width: int
    heads: int
    patch_size: int = 16
    """Side of a patch, in pixels."""
    picture_size: int = 224
    """Side of the pictures that the positions are learned for, in pixels. Others are taken too: see positions."""
    classes: int = 1000
    mlp_ratio: int = 4
    """Hidden width of the MLP over ``width``."""
    drop_path: float = 0.0
    """Share of pictures for which the last layer is left out in training; it grows from 0 over the layers."""
    norm_epsilon: float = 1e-6

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} in {self.heads} heads: expected a multiple")
        if self.picture_size % self.patch_size:
            raise ValueError(f"pictures of {self.picture_size} in patches of {self.patch_size}: expected a multiple")

    @property
    def grid(self) -> Grid:
        """Rows and columns of patches at ``picture_size``."""
        side = self.picture_size // self.patch_size
        return side, side


# ------------------------------------------------------------------------------------------------------------ parts


def encoder(config: ViTConfig) -> nn.ModuleList:
    """The layers of equations 2 and 3, each from [n, t, d] to the same shape."""
    return nn.ModuleList(
        EncoderBlock(
            attention_norm=nn.LayerNorm(config.width, config.norm_epsilon),
            attention=MultiHeadAttention(width=config.width, heads=config.heads),
            mlp_norm=nn.LayerNorm(config.width, config.norm_epsilon),
            mlp=Mlp(width=config.width, hidden=config.mlp_ratio * config.width),
            drop_path=DropPath(rate=rate) if rate else nn.Identity(),
        )
        for rate in drop_path_rates(config.drop_path, config.layers)
    )


# --------------------------------------------------------------------------------------------------------- assembly


class ViT(nn.Module):
    """From normalised pixels to the logits of classes."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = PatchEmbedding(patch_size=config.patch_size, width=config.width)
        self.class_token = learned_token(config.width)
        self.positions = LearnedPositions(prefix=1, grid=config.grid, width=config.width)
        self.blocks = encoder(config)
        self.norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.head = nn.Linear(config.width, config.classes)
        initialise(self)

    def features(self, pixels: Tensor, read: list[LayerAttention] | None = None) -> Tensor:
        """``pixels`` [n, 3, height, width], sides multiples of the patch, to y of equation 4: [n, d].

        Raises:
            ModelError: a side is no multiple of the patch.
        """
        tokens, grid = self.patches(pixels)  # [n, N, d]
        tokens = self.positions(prepend(self.class_token, tokens), grid)  # equation 1: [n, t, d]
        for block in self.blocks:
            tokens = block(tokens, grid, read)
        picture: Tensor = self.norm(tokens[:, 0])
        return picture

    def forward(self, pixels: Tensor) -> Tensor:
        """``pixels`` [n, 3, height, width] to logits [n, classes]."""
        logits: Tensor = self.head(self.features(pixels))
        return logits

    def read_attention(self, pixels: Tensor) -> AttentionReading:
        """As :meth:`forward`, with the weights of every layer's attention [n, h, t, t]."""
        read: list[LayerAttention] = []
        logits = self.head(self.features(pixels, read))
        return AttentionReading(logits, tuple(read))


# ------------------------------------------------------------------------------------------------------ named sizes


def vit_tiny(*, patch_size: int = 16, picture_size: int = 224, classes: int = 1000) -> ViTConfig:
    """ViT-Ti: 5.7 million parameters with patches of 16. Not in the paper's table; the same proportions as DeiT-Ti."""
    return ViTConfig(layers=12, width=192, heads=3, patch_size=patch_size, picture_size=picture_size, classes=classes)


def vit_small(*, patch_size: int = 16, picture_size: int = 224, classes: int = 1000) -> ViTConfig:
    """ViT-S: 22 million. Not in the paper's table; the same proportions as DeiT-S."""
    return ViTConfig(layers=12, width=384, heads=6, patch_size=patch_size, picture_size=picture_size, classes=classes)


def vit_base(*, patch_size: int = 16, picture_size: int = 224, classes: int = 1000) -> ViTConfig:
    """ViT-B: 86 million."""
    return ViTConfig(layers=12, width=768, heads=12, patch_size=patch_size, picture_size=picture_size, classes=classes)


def vit_large(*, patch_size: int = 16, picture_size: int = 224, classes: int = 1000) -> ViTConfig:
    """ViT-L: 304 million."""
    return ViTConfig(layers=24, width=1024, heads=16, patch_size=patch_size, picture_size=picture_size, classes=classes)


def vit_huge(*, patch_size: int = 14, picture_size: int = 224, classes: int = 1000) -> ViTConfig:
    """ViT-H: 632 million, in patches of 14 unless told otherwise."""
    return ViTConfig(layers=32, width=1280, heads=16, patch_size=patch_size, picture_size=picture_size, classes=classes)


# ----------------------------------------------------------------------------------------------------- weight names

TIMM_NAMES = NameTable(
    {
        "patches.projection": "patch_embed.proj",
        "class_token": "cls_token",
        "positions.table": "pos_embed",
        "blocks.*.attention_norm": "blocks.*.norm1",
        "blocks.*.attention.query_key_value": "blocks.*.attn.qkv",
        "blocks.*.attention.output": "blocks.*.attn.proj",
        "blocks.*.mlp_norm": "blocks.*.norm2",
        "blocks.*.mlp.widen": "blocks.*.mlp.fc1",
        "blocks.*.mlp.narrow": "blocks.*.mlp.fc2",
        "norm": "norm",
        "head": "head",
    }
)
"""Ours to timm's ``VisionTransformer``."""
