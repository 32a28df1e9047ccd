"""The papers' picture models by name: their sizes, and their configurations as JSON. The one place that knows them all.

``*_mini`` are vidi's own, in the proportions of their papers, for pictures of 32 x 32 and a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from retrieval.errors import ModelError, UsageError, WeightsError
from retrieval.models import cpvt, cvt, deit, vit
from retrieval.models.checkpoints import load_weights
from retrieval.models.cpvt import CPVT, CPVTConfig
from retrieval.models.cvt import CvT, CvTConfig, StageConfig
from retrieval.models.deit import DeiT, DeiTConfig
from retrieval.models.vit import ViT, ViTConfig
from retrieval.models.weight_names import NameTable

__all__ = [
    "MODEL_NAMES",
    "AnyConfig",
    "architecture_of",
    "build_model",
    "config_of",
    "config_to_json",
    "drop_path_of",
    "load_own_weights",
    "model_from_json",
    "with_drop_path",
]

AnyConfig = ViTConfig | DeiTConfig | CPVTConfig | CvTConfig


def _mini(config: type[ViTConfig], *, picture_size: int = 32, classes: int = 1000, **own: Any) -> ViTConfig:
    """0.7 million parameters, in patches of 4."""
    return config(layers=6, width=96, heads=3, patch_size=4, picture_size=picture_size, classes=classes, **own)


def _cvt_mini(*, picture_size: int = 32, classes: int = 1000) -> CvTConfig:
    """1.1 million parameters: the first convolution takes patches of 3, two pixels apart."""
    first = StageConfig(layers=1, width=32, heads=1, kernel=3, stride=2, padding=1)
    second = StageConfig(layers=1, width=96, heads=3, kernel=3, stride=2, padding=1)
    third = StageConfig(layers=4, width=128, heads=4, kernel=3, stride=2, padding=1, class_token=True)
    return CvTConfig(stages=(first, second, third), classes=classes, picture_size=picture_size)


_SIZES: Final[Mapping[str, Callable[..., AnyConfig]]] = {
    "vit_mini": partial(_mini, ViTConfig),
    "vit_ti16": vit.vit_tiny,
    "vit_s16": vit.vit_small,
    "vit_b16": vit.vit_base,
    "vit_b32": partial(vit.vit_base, patch_size=32),
    "vit_l16": vit.vit_large,
    "vit_h14": vit.vit_huge,
    "deit_mini": partial(_mini, DeiTConfig),
    "deit_mini_distilled": partial(_mini, DeiTConfig, distilled=True),
    "deit_ti": deit.deit_tiny,
    "deit_s": deit.deit_small,
    "deit_b": deit.deit_base,
    "deit_ti_distilled": partial(deit.deit_tiny, distilled=True),
    "deit_s_distilled": partial(deit.deit_small, distilled=True),
    "deit_b_distilled": partial(deit.deit_base, distilled=True),
    "cpvt_mini": partial(_mini, CPVTConfig),
    "cpvt_ti": cpvt.cpvt_tiny,
    "cpvt_s": cpvt.cpvt_small,
    "cpvt_b": cpvt.cpvt_base,
    "cpvt_ti_gap": partial(cpvt.cpvt_tiny, average_pooling=True),
    "cpvt_s_gap": partial(cpvt.cpvt_small, average_pooling=True),
    "cpvt_b_gap": partial(cpvt.cpvt_base, average_pooling=True),
    "cvt_mini": _cvt_mini,
    "cvt_13": cvt.cvt_13,
    "cvt_21": cvt.cvt_21,
    "cvt_w24": cvt.cvt_w24,
}

MODEL_NAMES: Final = tuple(_SIZES)

# A subclass before what it derives from: the first that fits is meant.
_ARCHITECTURES: Final[Mapping[str, tuple[type[Any], type[nn.Module]]]] = {
    "deit": (DeiTConfig, DeiT),
    "cpvt": (CPVTConfig, CPVT),
    "cvt": (CvTConfig, CvT),
    "vit": (ViTConfig, ViT),
}


def config_of(name: str, *, classes: int, picture_size: int | None = None) -> AnyConfig:
    """The configuration of a size, for so many classes and pictures of that side (default: the size's own).

    Raises:
        UsageError: no size has that name; its patches don't fit pictures of that side.
    """
    if name not in _SIZES:
        raise UsageError(f"no model is called {name!r}; expected one of {', '.join(MODEL_NAMES)}")
    sides = {} if picture_size is None else {"picture_size": picture_size}
    try:
        return _SIZES[name](classes=classes, **sides)
    except ValueError as error:
        raise UsageError(f"{name} can't take that --size: {error}") from error


def with_drop_path(config: AnyConfig, rate: float) -> AnyConfig:
    """The configuration with layers left out in training at ``rate``; in CvT those of the last stage, as its authors
    do."""
    if isinstance(config, CvTConfig):
        *before, last = config.stages
        return replace(config, stages=(*before, replace(last, drop_path=rate)))
    return replace(config, drop_path=rate)


def drop_path_of(config: AnyConfig) -> float:
    """The rate at which the configuration leaves layers out; in CvT that of the last stage."""
    return config.stages[-1].drop_path if isinstance(config, CvTConfig) else config.drop_path


def architecture_of(config: AnyConfig) -> str:
    """The name of the model that the configuration is of."""
    return next(name for name, (kind, _) in _ARCHITECTURES.items() if isinstance(config, kind))


def build_model(config: AnyConfig) -> nn.Module:
    """The model, with weights that training starts from."""
    model: nn.Module = _ARCHITECTURES[architecture_of(config)][1](config)
    return model


def config_to_json(config: AnyConfig) -> dict[str, Any]:
    """As a model card keeps it."""
    return asdict(config)


def model_from_json(architecture: str, content: Mapping[str, Any], *, source: str) -> nn.Module:
    """The model of a card.

    Raises:
        WeightsError: no such architecture, or it has no such configuration. ``source`` is named.
    """
    if architecture not in _ARCHITECTURES:
        raise WeightsError(f"{source}: no architecture is called {architecture!r}; "
                           f"expected one of {', '.join(sorted(_ARCHITECTURES))}")  # fmt: skip
    try:
        return build_model(_config_from_json(architecture, content))
    except (ModelError, KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise WeightsError(f"{source} holds no configuration of {architecture} ({error}); train it again") from error


def _config_from_json(architecture: str, content: Mapping[str, Any]) -> AnyConfig:
    values = dict(content)
    if architecture == "cvt":
        values["stages"] = tuple(_stage_from_json(stage) for stage in values["stages"])
    if "positions" in values:
        values["positions"] = deit.Positions(values["positions"])
    config: AnyConfig = _ARCHITECTURES[architecture][0](**values)
    return config


def _stage_from_json(content: Mapping[str, Any]) -> StageConfig:
    values = dict(content)
    if values.get("positions") is not None:
        rows, columns = values["positions"]
        values["positions"] = (int(rows), int(columns))
    return StageConfig(**values)


class _SameNames(NameTable):
    """Files that we wrote ourselves have our own names."""

    def __init__(self) -> None:
        super().__init__({})

    def theirs(self, ours: str) -> str | None:
        return ours

    def ours(self, theirs: str) -> str | None:
        return theirs


def load_own_weights(model: nn.Module, path: Path) -> None:
    """Fills ``model`` from a safetensors file in our names: all weights, or none.

    Raises:
        WeightsError: the file can't be read, or is of another model.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} can't be read as safetensors ({error}); train the classifier again") from error
    load_weights(model, tensors, _SameNames(), source=str(path))
