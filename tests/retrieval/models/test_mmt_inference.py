"""The numpy side against the torch model, which is the one that learns."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from retrieval.errors import ModelError, WeightsError
from retrieval.models.mmt import Mmt, texts_to_torch, videos_to_torch
from retrieval.models.mmt_config import (
    AlignedTerm,
    AlignedText,
    FeatureTokens,
    Missing,
    Mixture,
    MmtConfig,
    UnitLength,
    VideoEncoder,
)
from retrieval.models.mmt_inference import TextSide, VideoSide
from retrieval.models.mmt_inputs import Window, prepare_texts, prepare_windows
from retrieval.models.post_norm_numpy import gelu
from retrieval.types import Float32Array
from tests.retrieval.models.mmt_cases import FRAME_DIM, noise, small_bert, small_config, track, windows

_HEAD = noise(24, FRAME_DIM, seed=77)


def head_numpy(sentences: Float32Array) -> Float32Array:
    return np.tanh(sentences @ _HEAD)


def head_torch(sentences: torch.Tensor) -> torch.Tensor:
    return torch.tanh(sentences @ torch.from_numpy(_HEAD))


def aligned_config(**options: Any) -> MmtConfig:
    """Speech lies in the space of sentences, pictures in the frames'."""
    config = small_config()
    dims = {"appearance": FRAME_DIM, "audio": 8, "speech": 24}
    terms = (
        AlignedTerm(name="first", expert="appearance", text=AlignedText.PICTURES),
        AlignedTerm(name="second", expert="appearance", text=AlignedText.PICTURES),
        AlignedTerm(name="said", expert="speech", text=AlignedText.SENTENCES),
    )
    experts = tuple(replace(expert, dim=dims[expert.name]) for expert in config.experts)
    return replace(config, experts=experts, aligned=terms, **options)


CONFIGS = {
    "frames": small_config(),
    "no frames": small_config(frames=False),
    "aligned": aligned_config(),
    "scored as in the paper": small_config(missing=Missing.SCORED),
    "even mixture": small_config(mixture=Mixture.EVEN),
    "pooled": small_config(features=FeatureTokens.POOLED),
    "one layer": replace(aligned_config(), layers=1),
    "no upper layers": replace(small_config(), text=replace(small_config().text, layers=0)),
}


def made(config: MmtConfig) -> Mmt:
    torch.manual_seed(1)
    model = Mmt(config, picture_text=head_torch)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
        for name, buffer in model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                buffer += torch.rand_like(buffer)
    return model.eval()


def weights_of(model: Mmt) -> dict[str, Float32Array]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def shots(config: MmtConfig, count: int = 21) -> list[Window]:
    """More than are worked on at once, of unlike lengths; experts are missing here and there, once all of them."""
    made = []
    for number in range(count):
        tracks = {
            expert.name: track(1 + (7 * number + place) % 12, expert.dim, seed=number * 10 + place)
            for place, expert in enumerate(config.experts)
            if (number >> place) % 2 == 0
        }
        made.append(Window(tracks, 0.0, noise(FRAME_DIM, seed=number)))
    return made


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("threads", [1, 2])
def test_windows_equal_torchs(config: MmtConfig, threads: int) -> None:
    model = made(config)
    with torch.inference_mode():
        expected = model.embed_videos(videos_to_torch(prepare_windows(shots(config), config))).joined().numpy()

    found = VideoSide(config, weights_of(model)).embed(shots(config), threads=threads)

    assert found.shape == (21, config.dim)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_texts_equal_torchs(config: MmtConfig) -> None:
    model = made(config)
    tokens = [noise(1 + number, 24, seed=number) for number in range(12)]  # some are longer than the model reads
    frames = noise(12, FRAME_DIM, seed=3) if config.frames else None
    with torch.inference_mode():
        expected = model.embed_texts(texts_to_torch(prepare_texts(tokens, config, frames)))

    found = TextSide(config, weights_of(model), head_numpy).embed(tokens, frames)

    np.testing.assert_allclose(found.joined(), expected.joined().numpy(), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.weights, expected.weights.numpy(), rtol=0, atol=1e-5)
    assert found.joined().shape == (12, config.dim)


def test_a_similarity_is_the_sum_of_its_parts() -> None:
    config = aligned_config()
    model = made(config)
    text = TextSide(config, weights_of(model), head_numpy).embed([noise(5, 24)], noise(1, FRAME_DIM))
    video = VideoSide(config, weights_of(model)).embed(shots(config, 3))

    at, total = 0, np.zeros(3, np.float32)
    for row, part in enumerate(text.parts):
        total += text.weights[0, row] * (video[:, at : at + part.shape[1]] @ part[0])
        at += part.shape[1]

    assert at == config.dim
    np.testing.assert_allclose(total, video @ text.joined()[0], atol=1e-5)


def test_no_windows_give_no_vectors() -> None:
    config = small_config()

    assert VideoSide(config, weights_of(made(config))).embed([]).shape == (0, config.dim)


def test_gelu_is_the_exact_one() -> None:
    x = np.concatenate([np.linspace(-12, 12, 40_001), [0.0, -0.0, 1e-8, 80.0, -80.0]]).astype(np.float32)
    expected = [value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.astype(float)]

    np.testing.assert_allclose(gelu(x.copy().reshape(1, -1))[0], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": small_bert()}, "its text tower is BERT"),
        ({"encoder": VideoEncoder.GATING}, "it gates pooled experts"),
        ({"unit_length": UnitLength.SLOTS}, "it normalises over slots"),
        ({"missing": Missing.RENORMALISED}, "it makes weights anew for each pair"),
    ],
)
def test_variants_for_ablation_say_that_they_need_torch(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=rf"can't be searched with \({reason}"):
        VideoSide(small_config(frames=False, **change), {})


def test_a_missing_weight_is_named() -> None:
    config = small_config()
    weights = weights_of(made(config))
    del weights["video.transformer.blocks.1.mlp.widen.bias"]

    with pytest.raises(WeightsError, match=r"lack 'video\.transformer\.blocks\.1\.mlp\.widen\.bias'"):
        VideoSide(config, weights)


def test_a_table_of_another_size_is_refused() -> None:
    config = small_config()

    with pytest.raises(WeightsError, match=r"positions has shape \[32, 16\], expected \[40, 16\]"):
        VideoSide(replace(config, max_position=40), weights_of(made(config)))


def test_windows_of_the_tests_have_missing_experts() -> None:
    assert any("speech" not in window.tracks for window in windows())
