"""The picture tower against two implementations that are not ours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray

from retrieval.models.efficientnet_lite import LITE0_WEIGHTS
from retrieval.models.picture_tower import OnnxPictureTower, TorchPictureTower, read_weights


@pytest.fixture(scope="module")
def published() -> dict[str, NDArray[Any]]:
    return read_weights()


@pytest.fixture(scope="module")
def onnx_tower(published: dict[str, NDArray[Any]]) -> OnnxPictureTower:
    return OnnxPictureTower(published, threads=2)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """Noise, a smooth picture, and the two ends of the scale: [4, 224, 224, 3]."""
    noise = np.random.default_rng(7).integers(0, 256, (224, 224, 3))
    across, down = np.meshgrid(np.linspace(0, 3, 224), np.linspace(0, 2, 224))
    smooth = 127.5 + 127.5 * np.stack([np.sin(across), np.cos(down), np.sin(across * down)], axis=-1)
    return np.stack([noise, smooth, np.zeros_like(noise), np.full_like(noise, 255)]).astype(np.uint8)


def test_logits_equal_those_of_the_reference_package(onnx_tower: OnnxPictureTower, pixels: NDArray[np.uint8]) -> None:
    reference = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(LITE0_WEIGHTS.located())).eval()
    prepared = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.inference_mode():
        expected = reference(prepared).numpy()

    _, logits = onnx_tower(pixels)

    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)


def test_both_runtimes_agree(
    published: dict[str, NDArray[Any]], onnx_tower: OnnxPictureTower, pixels: NDArray[np.uint8]
) -> None:
    torch_tower = TorchPictureTower(published, device="cpu")

    for ours, theirs in zip(onnx_tower(pixels), torch_tower(pixels), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_agrees_with_a_cpu_in_direction(
    published: dict[str, NDArray[Any]], onnx_tower: OnnxPictureTower, pixels: NDArray[np.uint8]
) -> None:
    gpu_tower = TorchPictureTower(published, device="cuda")

    for ours, theirs in zip(onnx_tower(pixels), gpu_tower(pixels), strict=True):
        cosine = (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        assert cosine.min() >= 0.999


def test_a_picture_is_the_same_alone_and_in_a_batch(onnx_tower: OnnxPictureTower, pixels: NDArray[np.uint8]) -> None:
    together = onnx_tower(pixels)

    alone = [onnx_tower(pixels[row : row + 1]) for row in range(len(pixels))]

    for position, output in enumerate(together):
        np.testing.assert_allclose(np.concatenate([each[position] for each in alone]), output, rtol=0, atol=1e-5)
