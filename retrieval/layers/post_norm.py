"""BERT's layer: attention and MLP, each added to what it reads and normalised after.

Devlin et al. 2018, "BERT"; Vaswani et al. 2017, "Attention Is All You Need", section 3.1. Unlike
:class:`retrieval.layers.blocks.EncoderBlock` it normalises after the sum, and some tokens may be padding.

Shapes: n sequences · t tokens · d width · h heads · e = d/h width of a head.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from retrieval.layers.attention import join_heads, split_heads
from retrieval.layers.blocks import Mlp

__all__ = ["MaskedAttention", "PostNormBlock", "post_norm_blocks"]


class MaskedAttention(nn.Module):
    """Every token attends to those that are no padding (Vaswani et al. 2017, section 3.2.2)."""

    def __init__(self, *, width: int, heads: int, dropout: float) -> None:
        """``dropout``: the share of weights that training leaves out."""
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} in {heads} heads: expected a multiple")
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``tokens`` [n, t, d] to the same shape; ``mask`` [n, t] is true where there is a token to attend to."""
        query, key, value = (split_heads(part(tokens), self.heads) for part in (self.query, self.key, self.value))
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, mask[:, None, None], dropout)  # [n, h, t, e]
        output: Tensor = self.output(join_heads(mixed))
        return output


class PostNormBlock(nn.Module):
    """x' = norm(x + attention(x)), x'' = norm(x' + mlp(x'))."""

    def __init__(self, *, width: int, heads: int, hidden: int, dropout: float, norm_epsilon: float) -> None:
        """``hidden`` is the MLP's width; ``dropout`` holds for weights of attention and for both branches."""
        super().__init__()
        self.attention = MaskedAttention(width=width, heads=heads, dropout=dropout)
        self.attention_norm = nn.LayerNorm(width, norm_epsilon)
        self.mlp = Mlp(width=width, hidden=hidden)
        self.mlp_norm = nn.LayerNorm(width, norm_epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``tokens`` [n, t, d] to the same shape; ``mask`` as in :class:`MaskedAttention`."""
        tokens = self.attention_norm(tokens + self.dropout(self.attention(tokens, mask)))
        output: Tensor = self.mlp_norm(tokens + self.dropout(self.mlp(tokens)))
        return output


def post_norm_blocks(
    layers: int, *, width: int, heads: int, hidden: int, dropout: float, norm_epsilon: float
) -> nn.ModuleList:
    """``layers`` blocks of the same proportions."""
    return nn.ModuleList(
        PostNormBlock(width=width, heads=heads, hidden=hidden, dropout=dropout, norm_epsilon=norm_epsilon)
        for _ in range(layers)
    )
