"""VGGish against what its authors wrote of it: sizes, names, and patches computed the slow way."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from retrieval.errors import WeightsError
from retrieval.models.vggish import PATCH_SAMPLES, VGGish, VGGishSound, log_mel_patches


def slow_patch(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """``[96, 64]``: frames of 25 ms every 10 ms, a periodic Hann window, 512 points, 64 bands from 125 to 7500 Hz."""

    def mel(hertz: float) -> float:
        return 1127.0 * math.log(1.0 + hertz / 700.0)

    edges = [mel(125.0) + number * (mel(7500.0) - mel(125.0)) / 65 for number in range(66)]
    patch = np.zeros((96, 64))
    window = [0.5 - 0.5 * math.cos(2 * math.pi * place / 400) for place in range(400)]
    for row in range(96):
        frame = sound[row * 160 : row * 160 + 400].astype(np.float64) * window
        magnitude = np.abs(np.fft.fft(np.concatenate([frame, np.zeros(112)])))[:257]
        for band in range(64):
            low, middle, high = edges[band : band + 3]
            total = 0.0
            for place in range(1, 257):
                at = mel(place * 16000 / 512)
                total += magnitude[place] * max(0.0, min((at - low) / (middle - low), (high - at) / (high - middle)))
            patch[row, band] = math.log(total + 0.01)
    return patch


def test_patches_are_those_of_the_authors() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (2, PATCH_SAMPLES)).astype(np.float32)

    patches = log_mel_patches(sound)

    assert patches.shape == (2, 96, 64)
    np.testing.assert_allclose(patches[1], slow_patch(sound[1]), atol=1e-4)


def test_silence_is_the_offset_and_a_tone_is_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(PATCH_SAMPLES) / 16_000).astype(np.float32)

    silent, loud = log_mel_patches(np.stack([np.zeros_like(tone), tone]))

    np.testing.assert_allclose(silent, math.log(0.01), atol=1e-6)
    band = int(loud.mean(axis=0).argmax())
    spread = np.linspace(1127 * math.log(1 + 125 / 700), 1127 * math.log(1 + 7500 / 700), 66)
    assert spread[band] < 1127 * math.log(1 + 1000 / 700) < spread[band + 2]


def test_names_and_shapes_are_those_that_are_published() -> None:
    with torch.device("meta"):
        state = VGGish().state_dict()

    assert {name: tuple(tensor.shape) for name, tensor in state.items() if name.endswith("weight")} == {
        "features.0.weight": (64, 1, 3, 3),
        "features.3.weight": (128, 64, 3, 3),
        "features.6.weight": (256, 128, 3, 3),
        "features.8.weight": (256, 256, 3, 3),
        "features.11.weight": (512, 256, 3, 3),
        "features.13.weight": (512, 512, 3, 3),
        "embeddings.0.weight": (4096, 12288),
        "embeddings.2.weight": (4096, 4096),
        "embeddings.4.weight": (128, 4096),
    }
    assert sum(tensor.numel() for tensor in state.values()) == 72_141_184


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few numbers are not 0, which writes and reads as any."""
    generator = torch.Generator().manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in VGGish().state_dict().items()}
    state = {}
    for name, shape in shapes.items():
        state[name] = torch.zeros(shape)
        some = state[name][:24] if name.startswith("embeddings") else state[name]
        some.normal_(0, 1 / math.sqrt(max(1, some[0].numel())), generator=generator)
    path = tmp_path_factory.mktemp("vggish") / "vggish.pth"
    torch.save(state | {"pproc.pca_means": torch.zeros(128, 1)}, path)
    return path


def test_the_network_flattens_with_channels_last(weights: Path) -> None:
    sound = np.random.default_rng(1).normal(0, 0.3, (2, PATCH_SAMPLES)).astype(np.float32)

    found = VGGishSound(weights)(sound)

    state = torch.load(weights, weights_only=True)
    x = torch.from_numpy(log_mel_patches(sound))[:, None]
    for number, pools in ((0, True), (3, True), (6, False), (8, True), (11, False), (13, True)):
        x = functional.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1).relu()
        x = functional.max_pool2d(x, 2, 2) if pools else x
    x = torch.transpose(torch.transpose(x, 1, 3), 1, 2).reshape(2, -1)  # as torchvggish writes it
    for number in (0, 2, 4):
        x = (x @ state[f"embeddings.{number}.weight"].T + state[f"embeddings.{number}.bias"]).relu()
    assert found.shape == (2, 128)
    assert (found > 0).any()
    np.testing.assert_allclose(found, x.numpy(), rtol=1e-4, atol=1e-6)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "part.pth")

    with pytest.raises(WeightsError, match=r"part\.pth is of another model than VGGish: missing: features\.0\.bias"):
        VGGishSound(tmp_path / "part.pth").load()
