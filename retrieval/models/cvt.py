"""CvT: convolutions inside a vision transformer.

Wu et al. 2021, "CvT: Introducing Convolutions to Vision Transformers". Three stages, each of which first makes fewer,
wider tokens by a convolution whose patches overlap (section 3.1), then applies transformer blocks whose queries, keys
and values come from depth-wise convolutions over the grid of tokens (section 3.2):

    x_i^{q/k/v} = Flatten(Conv2d(Reshape2D(x_i), s))         (2)

With a stride of 2 keys and values are squeezed: a quarter of them is left. A class token joins in the last stage, and
nothing encodes positions: the convolutions do (section 3.3).

Shapes: n pictures · (r, s) a stage's grid · t = p + r·s tokens, p = 1 in the last stage, else 0 · k keys · d width of
the stage · h heads · e = d/h width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from retrieval.layers.attention import AttentionReading, Grid, LayerAttention, attend, join_heads, split_heads
from retrieval.layers.blocks import DropPath, EncoderBlock, Mlp, drop_path_rates
from retrieval.layers.embeddings import ConvolutionalTokenEmbedding, prepend, to_map, to_tokens
from retrieval.layers.initial import initialise, learned_token
from retrieval.layers.positions import LearnedPositions
from retrieval.models.weight_names import NameTable

__all__ = [
    "OFFICIAL_NAMES",
    "TRANSFORMERS_NAMES",
    "ConvolutionalAttention",
    "CvT",
    "CvTConfig",
    "StageConfig",
    "cvt_13",
    "cvt_21",
    "cvt_w24",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig:
    """The proportions of one stage (Wu et al. 2021, table 2)."""

    layers: int
    width: int
    heads: int
    kernel: int
    """Of the token embedding; 7 in the first stage, 3 in the others."""
    stride: int
    padding: int
    class_token: bool = False
    drop_path: float = 0.0
    """Share of pictures for which the stage's last layer is left out in training; it grows from 0 over the stage."""
    mlp_ratio: int = 4
    projection_kernel: int = 3
    """Of the convolutions that make queries, keys and values."""
    key_stride: int = 2
    """Of the convolutions that make keys and values; 1 squeezes nothing."""
    positions: Grid | None = None
    """The grid of a learned table that is added to the stage's tokens; the paper, and every published weight, has none
    (section 4.4, "Removing Position Embedding", compares)."""

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} in {self.heads} heads: expected a multiple")


@dataclass(frozen=True, slots=True, kw_only=True)
class CvTConfig:
    """The stages of one size, and what it tells apart."""

    stages: tuple[StageConfig, ...]
    classes: int = 1000
    picture_size: int = 224
    """Side of the pictures that it was trained on, in pixels. Any other is taken too."""

    def __post_init__(self) -> None:
        tokens = [stage.class_token for stage in self.stages]
        if tokens != [False] * (len(tokens) - 1) + [True]:
            raise ValueError(f"class tokens in stages {tokens}: expected one in the last alone, which the head reads")


# ------------------------------------------------------------------------------------------------------------ parts


class ConvolutionalProjection(nn.Module):
    """Depth-wise convolution over the grid, then a linear layer on each token (Wu et al. 2021, section 3.2.1).

    The prefix has no place on the grid, and takes the linear layer alone.
    """

    def __init__(self, *, width: int, kernel: int, stride: int, prefix: int) -> None:
        super().__init__()
        self.prefix = prefix
        self.convolution = nn.Conv2d(width, width, kernel, stride, padding=kernel // 2, groups=width, bias=False)
        self.convolution_norm = nn.BatchNorm2d(width)
        self.linear = nn.Linear(width, width)

    def forward(self, tokens: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """``tokens`` [n, t, d] to [n, p + r'·s', d] and the grid (r', s') that the stride leaves."""
        prefix, patches = tokens[:, : self.prefix], tokens[:, self.prefix :]
        convolved: Tensor = self.convolution_norm(self.convolution(to_map(patches, grid)))  # [n, d, r', s']
        rows, columns = convolved.shape[-2:]
        patches = to_tokens(convolved)
        projected: Tensor = self.linear(torch.cat([prefix, patches], dim=1) if self.prefix else patches)
        return projected, (rows, columns)


class ConvolutionalAttention(nn.Module):
    """Attention whose queries, keys and values are equation 2's.

    Scores are divided by √d, not by the √e of a head as in Vaswani et al. 2017: so in the authors' code, which all
    published weights come from.
    """

    def __init__(self, *, width: int, heads: int, kernel: int, key_stride: int, prefix: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = width**-0.5
        self.query = ConvolutionalProjection(width=width, kernel=kernel, stride=1, prefix=prefix)
        self.key = ConvolutionalProjection(width=width, kernel=kernel, stride=key_stride, prefix=prefix)
        self.value = ConvolutionalProjection(width=width, kernel=kernel, stride=key_stride, prefix=prefix)
        self.output = nn.Linear(width, width)

    def forward(self, tokens: Tensor, grid: Grid, read: list[LayerAttention] | None = None) -> Tensor:
        """``tokens`` [n, t, d] to the same shape; the weights that are read have shape [n, h, t, k]."""
        query, query_grid = self.query(tokens, grid)  # [n, t, d]
        key, key_grid = self.key(tokens, grid)  # [n, k, d]
        value, _ = self.value(tokens, grid)  # [n, k, d]
        query, key, value = (split_heads(projected, self.heads) for projected in (query, key, value))
        mixed = attend(query, key, value, scale=self.scale, query_grid=query_grid, key_grid=key_grid, read=read)
        output: Tensor = self.output(join_heads(mixed))
        return output


def encoder_block(config: StageConfig, drop_path: float) -> EncoderBlock:
    """A layer of a stage, from [n, t, d] to the same shape (Wu et al. 2021, figure 2 b)."""
    return EncoderBlock(
        attention_norm=nn.LayerNorm(config.width),
        attention=ConvolutionalAttention(
            width=config.width,
            heads=config.heads,
            kernel=config.projection_kernel,
            key_stride=config.key_stride,
            prefix=int(config.class_token),
        ),
        mlp_norm=nn.LayerNorm(config.width),
        mlp=Mlp(width=config.width, hidden=config.mlp_ratio * config.width),
        drop_path=DropPath(rate=drop_path) if drop_path else nn.Identity(),
    )


class Stage(nn.Module):
    """Token embedding, then blocks."""

    def __init__(self, config: StageConfig, *, channels: int) -> None:
        super().__init__()
        self.embedding = ConvolutionalTokenEmbedding(
            channels=channels, width=config.width, kernel=config.kernel, stride=config.stride, padding=config.padding
        )
        self.class_token = learned_token(config.width) if config.class_token else None
        self.positions = (
            LearnedPositions(prefix=int(config.class_token), grid=config.positions, width=config.width)
            if config.positions is not None
            else None
        )
        self.blocks = nn.ModuleList(
            encoder_block(config, rate) for rate in drop_path_rates(config.drop_path, config.layers)
        )

    def forward(self, feature_map: Tensor, read: list[LayerAttention] | None = None) -> tuple[Tensor, Grid]:
        """``feature_map`` [n, c, height, width] to tokens [n, t, d] and their grid (r, s)."""
        tokens, grid = self.embedding(feature_map)
        if self.class_token is not None:
            tokens = prepend(self.class_token, tokens)
        if self.positions is not None:
            tokens = self.positions(tokens, grid)
        for block in self.blocks:
            tokens = block(tokens, grid, read)
        return tokens, grid


# --------------------------------------------------------------------------------------------------------- assembly


class CvT(nn.Module):
    """From normalised pixels to the logits of classes."""

    def __init__(self, config: CvTConfig) -> None:
        super().__init__()
        self.config = config
        widths = [stage.width for stage in config.stages]
        self.stages = nn.ModuleList(
            Stage(stage, channels=channels) for stage, channels in zip(config.stages, [3, *widths], strict=False)
        )
        self.norm = nn.LayerNorm(widths[-1])
        self.head = nn.Linear(widths[-1], config.classes)
        initialise(self)

    def features(self, pixels: Tensor, read: list[LayerAttention] | None = None) -> Tensor:
        """``pixels`` [n, 3, height, width] of any size to the class token after the last stage: [n, d]."""
        feature_map = pixels
        for stage in self.stages[:-1]:
            tokens, grid = stage(feature_map, read)
            feature_map = to_map(tokens, grid)  # [n, d, r, s]
        tokens, _ = self.stages[-1](feature_map, read)
        picture: Tensor = self.norm(tokens[:, 0])
        return picture

    def forward(self, pixels: Tensor) -> Tensor:
        """``pixels`` [n, 3, height, width] to logits [n, classes]."""
        logits: Tensor = self.head(self.features(pixels))
        return logits

    def read_attention(self, pixels: Tensor) -> AttentionReading:
        """As :meth:`forward`, with the weights of every layer's attention [n, h, t, k]."""
        read: list[LayerAttention] = []
        logits = self.head(self.features(pixels, read))
        return AttentionReading(logits, tuple(read))


# ------------------------------------------------------------------------------------------------------ named sizes


def cvt_13(*, picture_size: int = 224, classes: int = 1000) -> CvTConfig:
    """CvT-13: 20 million parameters."""
    return _size((64, 192, 384), (1, 3, 6), (1, 2, 10), 0.1, picture_size, classes)


def cvt_21(*, picture_size: int = 224, classes: int = 1000) -> CvTConfig:
    """CvT-21: 32 million parameters."""
    return _size((64, 192, 384), (1, 3, 6), (1, 4, 16), 0.1, picture_size, classes)


def cvt_w24(*, picture_size: int = 384, classes: int = 1000) -> CvTConfig:
    """CvT-W24: 277 million parameters, the wide one."""
    return _size((192, 768, 1024), (3, 12, 16), (2, 2, 20), 0.3, picture_size, classes)


def _size(
    widths: tuple[int, int, int],
    heads: tuple[int, int, int],
    layers: tuple[int, int, int],
    drop_path: float,
    picture_size: int,
    classes: int,
) -> CvTConfig:
    """The three stages of table 2; only the last drops paths, as the authors train."""
    first = StageConfig(layers=layers[0], width=widths[0], heads=heads[0], kernel=7, stride=4, padding=2)
    second = StageConfig(layers=layers[1], width=widths[1], heads=heads[1], kernel=3, stride=2, padding=1)
    third = StageConfig(
        layers=layers[2],
        width=widths[2],
        heads=heads[2],
        kernel=3,
        stride=2,
        padding=1,
        class_token=True,
        drop_path=drop_path,
    )
    return CvTConfig(stages=(first, second, third), classes=classes, picture_size=picture_size)


# ----------------------------------------------------------------------------------------------------- weight names

OFFICIAL_NAMES = NameTable(
    {
        "stages.*.embedding.projection": "stage*.patch_embed.proj",
        "stages.*.embedding.norm": "stage*.patch_embed.norm",
        "stages.*.class_token": "stage*.cls_token",
        "stages.*.blocks.*.attention_norm": "stage*.blocks.*.norm1",
        **{
            f"stages.*.blocks.*.attention.{ours}.{part}": f"stage*.blocks.*.attn.{their_part}"
            for ours, letter in (("query", "q"), ("key", "k"), ("value", "v"))
            for part, their_part in (
                ("convolution", f"conv_proj_{letter}.conv"),
                ("convolution_norm", f"conv_proj_{letter}.bn"),
                ("linear", f"proj_{letter}"),
            )
        },
        "stages.*.blocks.*.attention.output": "stage*.blocks.*.attn.proj",
        "stages.*.blocks.*.mlp_norm": "stage*.blocks.*.norm2",
        "stages.*.blocks.*.mlp.widen": "stage*.blocks.*.mlp.fc1",
        "stages.*.blocks.*.mlp.narrow": "stage*.blocks.*.mlp.fc2",
        "norm": "norm",
        "head": "head",
    }
)
"""Ours to those of the authors' files."""

_THEIR_STAGE = "cvt.encoder.stages.*"
_THEIR_ATTENTION = f"{_THEIR_STAGE}.layers.*.attention.attention"

TRANSFORMERS_NAMES = NameTable(
    {
        "stages.*.embedding.projection": f"{_THEIR_STAGE}.embedding.convolution_embeddings.projection",
        "stages.*.embedding.norm": f"{_THEIR_STAGE}.embedding.convolution_embeddings.normalization",
        "stages.*.class_token": f"{_THEIR_STAGE}.cls_token",
        "stages.*.blocks.*.attention_norm": f"{_THEIR_STAGE}.layers.*.layernorm_before",
        **{
            f"stages.*.blocks.*.attention.{role}.{part}": f"{_THEIR_ATTENTION}.{their_part}"
            for role in ("query", "key", "value")
            for part, their_part in (
                ("convolution", f"convolution_projection_{role}.convolution_projection.convolution"),
                ("convolution_norm", f"convolution_projection_{role}.convolution_projection.normalization"),
                ("linear", f"projection_{role}"),
            )
        },
        "stages.*.blocks.*.attention.output": f"{_THEIR_STAGE}.layers.*.attention.output.dense",
        "stages.*.blocks.*.mlp_norm": f"{_THEIR_STAGE}.layers.*.layernorm_after",
        "stages.*.blocks.*.mlp.widen": f"{_THEIR_STAGE}.layers.*.intermediate.dense",
        "stages.*.blocks.*.mlp.narrow": f"{_THEIR_STAGE}.layers.*.output.dense",
        "norm": "layernorm",
        "head": "classifier",
    }
)
"""Ours to those of transformers' ``CvtForImageClassification``, which the hub's files have."""
