"""CPVT: a vision transformer whose positions are made from what the picture shows.

Chu et al. 2021, "Conditional Positional Encodings for Vision Transformers". DeiT without its table of positions:
after the first layer a position encoding generator (PEG) reshapes the tokens X to their grid, and adds a
depth-wise convolution F with zero padding to them; the class token is left as it is:

    x' = x + F(x) on the grid of patches                 (the paper's code of the PEG)

Any grid will do, with no interpolation. CPVT-GAP has no class token, but the mean over the patches, so
that a picture's answer doesn't depend on where a thing lies.

Shapes: n pictures · N patches · p prefix tokens, 1 or for GAP 0 · t = p + N tokens · d width · classes.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from retrieval.layers.attention import AttentionReading, LayerAttention
from retrieval.layers.embeddings import PatchEmbedding, prepend
from retrieval.layers.initial import initialise, learned_token
from retrieval.layers.positions import ConditionalPositions
from retrieval.models import vit
from retrieval.models.weight_names import NameTable

__all__ = ["AUTHORS_NAMES", "CPVT", "CPVTConfig", "cpvt_base", "cpvt_small", "cpvt_tiny"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CPVTConfig(vit.ViTConfig):
    """The proportions of one size: ViT's, and what is CPVT's own."""

    average_pooling: bool = False
    """Whether the mean over the patches stands for the picture (CPVT-GAP), or a class token."""
    peg_kernel: int = 3
    peg_after: int = 1
    """Layers before the PEG. After the first, the paper's choice, tokens have seen the whole picture."""

    def __post_init__(self) -> None:
        vit.ViTConfig.__post_init__(self)
        if not 0 <= self.peg_after < self.layers:
            raise ValueError(f"a PEG after layer {self.peg_after} of {self.layers}: expected one that layers follow")


# --------------------------------------------------------------------------------------------------------- assembly


class CPVT(nn.Module):
    """From normalised pixels to the logits of classes."""

    def __init__(self, config: CPVTConfig) -> None:
        super().__init__()
        self.config = config
        self.patches = PatchEmbedding(patch_size=config.patch_size, width=config.width)
        self.class_token = None if config.average_pooling else learned_token(config.width)
        self.positions = ConditionalPositions(
            prefix=0 if config.average_pooling else 1, width=config.width, kernel=config.peg_kernel
        )
        self.blocks = vit.encoder(config)
        self.norm = nn.LayerNorm(config.width, config.norm_epsilon)
        self.head = nn.Linear(config.width, config.classes)
        initialise(self)

    def features(self, pixels: Tensor, read: list[LayerAttention] | None = None) -> Tensor:
        """``pixels`` [n, 3, height, width], sides multiples of the patch, to what stands for each picture: [n, d].

        Raises:
            ModelError: a side is no multiple of the patch.
        """
        tokens, grid = self.patches(pixels)  # [n, N, d]
        if self.class_token is not None:
            tokens = prepend(self.class_token, tokens)  # [n, t, d]
        for layer, block in enumerate(self.blocks):
            if layer == self.config.peg_after:
                tokens = self.positions(tokens, grid)
            tokens = block(tokens, grid, read)
        picture: Tensor = self.norm(tokens[:, 0]) if self.class_token is not None else self.norm(tokens).mean(dim=1)
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


def cpvt_tiny(*, average_pooling: bool = False, picture_size: int = 224, classes: int = 1000) -> CPVTConfig:
    """CPVT-Ti: 5.7 million parameters."""
    return _size(192, 3, average_pooling, picture_size, classes)


def cpvt_small(*, average_pooling: bool = False, picture_size: int = 224, classes: int = 1000) -> CPVTConfig:
    """CPVT-S: 22 million parameters."""
    return _size(384, 6, average_pooling, picture_size, classes)


def cpvt_base(*, average_pooling: bool = False, picture_size: int = 224, classes: int = 1000) -> CPVTConfig:
    """CPVT-B: 86 million parameters."""
    return _size(768, 12, average_pooling, picture_size, classes)


def _size(width: int, heads: int, average_pooling: bool, picture_size: int, classes: int) -> CPVTConfig:
    return CPVTConfig(
        layers=12,
        width=width,
        heads=heads,
        average_pooling=average_pooling,
        picture_size=picture_size,
        classes=classes,
    )


# ----------------------------------------------------------------------------------------------------- weight names

AUTHORS_NAMES = NameTable(
    {
        **{ours: theirs for ours, theirs in vit.TIMM_NAMES.pairs.items() if ours != "positions.table"},
        "positions.convolution": "pos_block.proj",
    }
)
"""Ours to those of timm's transformer, with the PEG under ``pos_block.proj`` as in the paper's listing.

Not checked against published weights: the authors' code was not at hand."""
