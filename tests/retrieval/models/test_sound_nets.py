"""CLAP and AST from a folder give what transformers gives."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.errors import WeightsError
from retrieval.models.sound_nets import SOUND_NETS, TransformersSound

from .foreign_files import ast_folder, clap_folder


def sound(net: TransformersSound, count: int = 2) -> np.ndarray:
    generator = np.random.default_rng(0)
    places = np.arange(net.window_samples) / 16_000
    tones = [np.sin(2 * np.pi * hertz * places) for hertz in generator.integers(200, 4000, count)]
    return np.stack(tones).astype(np.float32) * 0.3


def test_ast_hears_as_transformers_does(tmp_path: Path) -> None:
    from transformers import ASTFeatureExtractor, ASTModel

    folder = ast_folder(tmp_path / "ast")
    net = TransformersSound(SOUND_NETS["ast"], folder)

    found = net(sound(net))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        extractor = ASTFeatureExtractor.from_pretrained(folder)
    inputs = extractor(list(sound(net)), sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        wanted = ASTModel.from_pretrained(folder).eval()(**inputs).pooler_output.numpy()
    assert found.shape == (2, 16) == (2, net.dim)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fuses", [False, True])
def test_clap_hears_at_its_own_rate_as_transformers_does(tmp_path: Path, fuses: bool) -> None:
    from transformers import ClapFeatureExtractor, ClapModel

    folder = clap_folder(tmp_path / "clap", enable_fusion=fuses)
    net = TransformersSound(SOUND_NETS["clap"], folder)

    found = net(sound(net))

    generator = np.random.default_rng(0)
    places = np.arange(480_000) / 48_000
    same = [(0.3 * np.sin(2 * np.pi * hertz * places)).astype(np.float32) for hertz in generator.integers(200, 4000, 2)]
    inputs = ClapFeatureExtractor.from_pretrained(folder)(same, sampling_rate=48_000, return_tensors="pt")
    inputs["is_longer"] = torch.zeros(2, 1, dtype=torch.bool)
    with torch.inference_mode():
        wanted = ClapModel.from_pretrained(folder).eval().get_audio_features(**inputs)
    wanted = getattr(wanted, "pooler_output", wanted)
    lengths = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (found, wanted.numpy())]
    assert found.shape == (2, 16) == (2, net.dim)
    np.testing.assert_allclose(*lengths, atol=1e-3)
    np.testing.assert_array_equal(found, net(sound(net)))


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = ast_folder(tmp_path / "ast")

    with pytest.raises(
        WeightsError, match=r"holds a model of the type 'audio-spectrogram-transformer', expected 'clap'"
    ):
        TransformersSound(SOUND_NETS["clap"], folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"hidden_size": []}'])
def test_a_configuration_of_no_sense_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)

    with pytest.raises(WeightsError, match=r"config\.json can't be read as a model's configuration"):
        TransformersSound(SOUND_NETS["ast"], tmp_path)


def test_a_part_of_a_model_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = ast_folder(tmp_path / "ast")
    state = load_file(folder / "model.safetensors")
    save_file(
        {name: tensor for name, tensor in state.items() if "encoder" not in name}, folder / "model.safetensors",
        metadata={"format": "pt"},
    )  # fmt: skip

    with pytest.raises(WeightsError, match=r"is no whole model: \d+ weights of ast are missing"):
        TransformersSound(SOUND_NETS["ast"], folder).load()


def test_damaged_weights_are_refused_in_one_line(tmp_path: Path) -> None:
    folder = ast_folder(tmp_path / "ast")
    (folder / "model.safetensors").write_bytes(b"nothing\nat all")
    assert json.loads((folder / "config.json").read_text())["model_type"] == "audio-spectrogram-transformer"

    with pytest.raises(WeightsError, match="can't be loaded as ast: expected a model") as told:
        TransformersSound(SOUND_NETS["ast"], folder).load()

    assert "\n" not in str(told.value)
