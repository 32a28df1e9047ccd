"""A forward pass of the picture models beside their twins': ``python -m benchmarks.run --only picture_models``.

Medians of 20 runs, ours and the twin's in turn, two pictures of 224 x 224 on the CPU. timm uses the same attention
kernel as ours; transformers' CvT computes its softmax openly.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any, Final

import timm
import torch
from torch import Tensor, nn
from transformers import CvtConfig, CvtForImageClassification

from retrieval.models.cvt import CvT, cvt_13
from retrieval.models.deit import DeiT, deit_tiny
from retrieval.models.vit import ViT, vit_small

__all__ = ["measure_picture_models"]

_RUNS: Final = 20
_WARM_UP: Final = 2
_ASKED: Final = 0.95


def _pairs() -> Iterator[tuple[str, nn.Module, nn.Module]]:
    yield "ViT-S/16", ViT(vit_small()), timm.create_model("vit_small_patch16_224")
    yield "DeiT-Ti, distilled", DeiT(deit_tiny(distilled=True)), timm.create_model("deit_tiny_distilled_patch16_224")
    yield "CvT-13", CvT(cvt_13()), CvtForImageClassification(CvtConfig(num_labels=1000))


def _seconds(model: nn.Module, pixels: Tensor) -> float:
    start = time.perf_counter()
    model(pixels)
    return time.perf_counter() - start


def _medians(ours: nn.Module, twin: nn.Module) -> tuple[float, float]:
    pixels = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        runs = [(_seconds(ours, pixels), _seconds(twin, pixels)) for _ in range(_WARM_UP + _RUNS)][_WARM_UP:]
    mine, theirs = zip(*runs, strict=True)
    return statistics.median(mine), statistics.median(theirs)


def measure_picture_models() -> dict[str, Any]:
    """Seconds of a pass, and how many times as quick as its twin each is; 0.95 or more is asked."""
    figures: dict[str, Any] = {"asked_speed_over_twin": _ASKED}
    for name, ours, twin in _pairs():
        mine, theirs = _medians(ours.eval(), twin.eval())
        figures[name] = {"seconds": mine, "twin_seconds": theirs, "speed_over_twin": theirs / mine}
    return figures
