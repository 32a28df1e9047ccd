"""EfficientNet-Lite0 with its published weights, on the runtime that suits the machine.

ONNX Runtime on a CPU; PyTorch (timm's form of the model) on an NVIDIA GPU. Both give what float32 torch
gives; ``tests/parity`` holds them to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.models.efficientnet_lite import LITE0_WEIGHTS, efficientnet_lite0, fold_batch_norms, timm_names
from retrieval.models.onnx_session import OnnxModel, kept_graph, usable_cores
from retrieval.models.torch_pickle import read_torch_pickle
from retrieval.types import Float32Array

if TYPE_CHECKING:
    import torch

__all__ = [
    "OnnxPictureTower",
    "PictureTower",
    "TorchPictureTower",
    "load_picture_tower",
    "may_have_nvidia_gpu",
    "read_classifier",
    "read_weights",
]


class PictureTower(Protocol):
    """One forward pass: pixels [n, 224, 224, 3] uint8 RGB to features [n, 1280] and logits [n, 1000], float32."""

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[Float32Array, Float32Array]: ...


def read_weights() -> dict[str, NDArray[Any]]:
    """The published weights, checked, by their published names.

    Raises:
        WeightsError: they are not installed, or differ from the published ones.
    """
    return read_torch_pickle(LITE0_WEIGHTS.read(), LITE0_WEIGHTS.path)


def read_classifier() -> tuple[Float32Array, Float32Array]:
    """The last layer alone: weight [1000, 1280] and bias [1000], logits = features · weightᵀ + bias.

    Raises:
        WeightsError: the weights are not installed, or differ from the published ones.
    """
    published = read_weights()
    return published["_fc.weight"].astype(np.float32), published["_fc.bias"].astype(np.float32)


_ONNX_BATCH: Final = 4  # the quickest on a CPU: the maps of more pictures leave its caches


class OnnxPictureTower:
    """The tower on a CPU: each thread takes a few pictures at a time.

    One layer shared by all threads, the runtime's own way, makes each wait for the slowest some sixty times a
    picture; beside decoders, which take the cores now and then, that is long.
    """

    def __init__(self, published: Mapping[str, NDArray[Any]], *, threads: int | None = None) -> None:
        """``published`` is what :func:`read_weights` gives; ``threads``: default all usable cores."""
        weights = fold_batch_norms(efficientnet_lite0(), published)
        self._model = OnnxModel(kept_graph("efficientnet_lite0"), weights, threads=1)
        self._threads = ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="picture-tower")

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[Float32Array, Float32Array]:
        starts = range(0, max(1, len(pixels)), _ONNX_BATCH)
        parts = list(
            self._threads.map(lambda start: self._model.run(pixels=pixels[start : start + _ONNX_BATCH]), starts)
        )
        features, logits = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
        return features, logits


class TorchPictureTower:
    """The tower in torch: float16 under autocast on a GPU, float32 on a CPU."""

    def __init__(self, published: Mapping[str, NDArray[Any]], *, device: str) -> None:
        """``published`` is what :func:`read_weights` gives; ``device`` is torch's name, such as ``cuda``."""
        import timm  # these take many seconds, which only a machine with a GPU has use for
        import torch

        names = timm_names(efficientnet_lite0())
        state = {names[name]: torch.tensor(array) for name, array in published.items()}
        model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        model.load_state_dict(state, strict=True)
        self._device = torch.device(device)
        self._model = model.eval().to(self._device, memory_format=torch.channels_last)

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[Float32Array, Float32Array]:
        import torch

        on_gpu = self._device.type == "cuda"
        with torch.inference_mode(), torch.autocast(self._device.type, torch.float16, enabled=on_gpu):
            x = self._to_device(torch.from_numpy(pixels))  # [n, h, w, 3] uint8
            x = x.permute(0, 3, 1, 2).float()  # [n, 3, h, w], channels last in memory
            config = efficientnet_lite0()
            x = (x - config.pixel_mean) / config.pixel_scale
            features = self._model.forward_head(self._model.forward_features(x), pre_logits=True)
            logits = self._model.classifier(features)
        return features.float().cpu().numpy(), logits.float().cpu().numpy()

    def _to_device(self, pixels: torch.Tensor) -> torch.Tensor:
        # From pinned memory the copy runs beside the work that is already queued.
        return pixels.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else pixels


def load_picture_tower(*, threads: int | None = None) -> PictureTower:
    """The tower on this machine's best runtime, with the packaged weights, which are checked first.

    Raises:
        WeightsError: they are not installed, or differ from the published ones.
    """
    published = read_weights()
    if may_have_nvidia_gpu():
        import torch

        if torch.cuda.is_available():
            return TorchPictureTower(published, device="cuda")
    return OnnxPictureTower(published, threads=threads)


def may_have_nvidia_gpu() -> bool:
    """Whether it pays to import torch and ask it: the driver's device files stand and are not hidden."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in {"", "-1"}
    return not hidden and (Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists())  # dxg: Windows' Linux
