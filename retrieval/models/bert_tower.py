"""BERT in torch, as MMT's text tower reads it: the last layer's [CLS].

Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers". :mod:`retrieval.models.bert` holds the
proportions and the ONNX graph of the small one.

Shapes: q texts · t tokens · d width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from retrieval.layers.post_norm import post_norm_blocks
from retrieval.models.bert import BertConfig
from retrieval.models.weight_names import NameTable

__all__ = ["BERT_NAMES", "BertTower"]

_DEVIATION = 0.02  # of the embeddings when training starts


class BertTower(nn.Module):
    """From ids of tokens to the state of the first."""

    def __init__(self, config: BertConfig, *, dropout: float, unread_pooler: bool = False) -> None:
        """``unread_pooler``: whether the pooler that published weights hold is there; nothing reads it."""
        super().__init__()
        self.words = nn.Embedding(config.vocabulary, config.hidden)
        self.positions = nn.Embedding(config.positions, config.hidden)
        self.segments = nn.Embedding(config.segments, config.hidden)
        self.norm = nn.LayerNorm(config.hidden, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(dropout)
        self.blocks = post_norm_blocks(
            config.layers,
            width=config.hidden,
            heads=config.heads,
            hidden=config.intermediate,
            dropout=dropout,
            norm_epsilon=config.layer_norm_epsilon,
        )
        self.pooler = nn.Linear(config.hidden, config.hidden) if unread_pooler else None
        for table in (self.words, self.positions, self.segments):
            nn.init.normal_(table.weight, std=_DEVIATION)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """``tokens`` [q, t] ids, ``mask`` [q, t] true where there is one, to [q, d]."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        states = self.words(tokens) + self.positions(places) + self.segments.weight[0]
        states = self.dropout(self.norm(states))  # [q, t, d]
        for block in self.blocks:
            states = block(states, mask)
        first: Tensor = states[:, 0]
        return first


# ----------------------------------------------------------------------------------------------------- weight names

BERT_NAMES = NameTable(
    {
        "words": "embeddings.word_embeddings",
        "positions": "embeddings.position_embeddings",
        "segments": "embeddings.token_type_embeddings",
        "norm": "embeddings.LayerNorm",
        "blocks.*.attention.query": "encoder.layer.*.attention.self.query",
        "blocks.*.attention.key": "encoder.layer.*.attention.self.key",
        "blocks.*.attention.value": "encoder.layer.*.attention.self.value",
        "blocks.*.attention.output": "encoder.layer.*.attention.output.dense",
        "blocks.*.attention_norm": "encoder.layer.*.attention.output.LayerNorm",
        "blocks.*.mlp.widen": "encoder.layer.*.intermediate.dense",
        "blocks.*.mlp.narrow": "encoder.layer.*.output.dense",
        "blocks.*.mlp_norm": "encoder.layer.*.output.LayerNorm",
        "pooler": "pooler.dense",
    }
)
"""Ours to transformers' ``BertModel``."""
