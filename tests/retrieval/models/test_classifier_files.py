"""A trained classifier comes back from its folder; a folder that is anything else is one line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from safetensors.torch import save as save_torch

from retrieval.errors import WeightsError
from retrieval.models.classifier_files import HeadWeights, PictureInput, TrainedClassifier, read_classifier
from retrieval.models.cvt import CvTConfig, StageConfig
from retrieval.models.deit import DeiTConfig, Positions
from retrieval.models.named import AnyConfig, architecture_of, build_model, config_to_json

LINEAR = HeadWeights((np.arange(6, dtype=np.float32).reshape(2, 3),), (np.array([0, 1], np.float32),))
MLP = HeadWeights(
    (np.eye(3, dtype=np.float32), np.ones((2, 3), np.float32)), (np.zeros(3, np.float32), np.zeros(2, np.float32))
)
DEIT = DeiTConfig(
    layers=1, width=8, heads=2, patch_size=4, picture_size=8, classes=2, positions=Positions.SINUSOIDAL, distilled=True
)
CVT = CvTConfig(
    stages=(
        StageConfig(layers=1, width=8, heads=1, kernel=3, stride=2, padding=1, positions=(4, 4)),
        StageConfig(layers=1, width=8, heads=2, kernel=3, stride=2, padding=1, class_token=True),
    ),
    classes=2,
    picture_size=8,
)


def folder(tmp_path: Path, content: bytes, **changes: Any) -> Path:
    card = {
        "task": "classifier", "format": 1, "name": "mine", "kind": "head", "architecture": "linear", "config": {},
        "classes": ["cat", "dog"], "features": {"expert": "appearance", "version": "v1"}, "input": None,
        "temperature": 2.0, "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "card.json").write_text(json.dumps(card | changes))
    return tmp_path


def model_folder(tmp_path: Path, made_from: AnyConfig, **changes: Any) -> tuple[Path, torch.nn.Module]:
    torch.manual_seed(0)
    model = build_model(made_from).eval()
    card: dict[str, Any] = {
        "kind": "model",
        "architecture": architecture_of(made_from),
        "config": config_to_json(made_from),
        "features": None,
        "input": PictureInput(8).to_json(),
    }
    return folder(tmp_path, save_torch(dict(model.state_dict())), **(card | changes)), model


@pytest.mark.parametrize("head", [LINEAR, MLP], ids=["linear", "mlp"])
def test_a_head_comes_back(tmp_path: Path, head: HeadWeights) -> None:
    found = read_classifier(folder(tmp_path, save(dict(head.tensors()))))
    features = np.array([[1, -2, 3]], np.float16)
    np.testing.assert_allclose(found.logits(features), head.logits(features) / 2)
    assert found.features_expert == ("appearance", "v1")
    assert found.classes == ("cat", "dog")
    assert repr(found) == "TrainedClassifier('mine', head, 2 classes)"


def test_a_hidden_layer_is_rectified_and_the_first_input_is_not() -> None:
    np.testing.assert_allclose(MLP.logits(np.array([[1.0, -2.0, 3.0]])), [[4, 4]])
    np.testing.assert_allclose(LINEAR.logits(np.array([[1.0, -2.0, 3.0]])), [[4, 11]])


@pytest.mark.parametrize("config", [DEIT, CVT], ids=["DeiT", "CvT"])
def test_a_model_comes_back(tmp_path: Path, config: AnyConfig) -> None:
    path, model = model_folder(tmp_path, config)
    found = read_classifier(path)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    seen = PictureInput(8).normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255)
    with torch.inference_mode():
        wanted = model(seen).numpy() / 2
    np.testing.assert_allclose(found.on_pixels()(pixels), wanted, atol=1e-5)
    assert found.on_pixels()(np.zeros((1, 30, 20, 3), np.uint8)).shape == (1, 2)
    assert config_to_json(build_model(config).config) == config_to_json(config)  # type: ignore[arg-type]


def test_a_head_reads_no_pixels_and_a_model_no_features(tmp_path: Path) -> None:
    head = read_classifier(folder(tmp_path, save(dict(LINEAR.tensors()))))
    with pytest.raises(ValueError, match=r"mine is a head; use logits\(\)"):
        head.on_pixels()
    with pytest.raises(ValueError, match=r"mine is a head; use logits\(\)"):
        head.model()
    with pytest.raises(ValueError, match=r"features must be \[n, 3\], got \[1, 4\]"):
        head.logits(np.zeros((1, 4)))
    model = read_classifier(model_folder(tmp_path, DEIT)[0])
    with pytest.raises(ValueError, match=r"mine reads pixels, not features"):
        model.logits(np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"task": "space"}, r"is the card of something else; expected a folder that `vidi train classifier` wrote"),
        ({"format": 2}, r"was written in format 2, expected 1; update vidi"),
        ({"sha256": "0" * 64}, r"model\.safetensors is not the file of its card: expected sha256 0000"),
        ({"classes": ["cat"]}, r"tells 2 classes apart, its card names 1"),
        ({"classes": ["cat", "cat"]}, r"is no card of a classifier \(ValueError"),
        ({"temperature": 0}, r"is no card of a classifier \(ValueError"),
        ({"kind": "spell"}, r"is no card of a classifier \(ValueError: 'spell'"),
        ({"features": None}, r"is no card of a classifier \(TypeError"),
        ({"kind": "model"}, r"is no card of a classifier \(TypeError"),
    ],
)
def test_a_wrong_card_is_one_line(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(WeightsError, match=told) as caught:
        read_classifier(folder(tmp_path, save(dict(LINEAR.tensors())), **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b"\xff"])
def test_a_damaged_card_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "card.json").write_bytes(content)
    with pytest.raises(WeightsError, match=r"card\.json is (damaged|the card of something else); expected a folder"):
        read_classifier(tmp_path)


def test_a_folder_without_a_card_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"is no trained classifier \(No such file or directory: card\.json\)"):
        read_classifier(tmp_path)


def test_weights_that_are_no_head_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"model\.safetensors holds no head"):
        read_classifier(folder(tmp_path, b"a pickle, perhaps"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"architecture": "resnet"}, r"no architecture is called 'resnet'; expected one of cpvt, cvt, deit, vit"),
        ({"config": {"layers": 3}}, r"holds no configuration of deit"),
        ({"config": config_to_json(DEIT) | {"layers": 2}}, r"is of another model than DeiT: missing: blocks\.1"),
        ({"architecture": "cvt"}, r"holds no configuration of cvt"),
    ],
)
def test_weights_of_another_model_are_one_line(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    found: TrainedClassifier = read_classifier(model_folder(tmp_path, DEIT, **changes)[0])
    with pytest.raises(WeightsError, match=told) as caught:
        found.model()
    assert "\n" not in str(caught.value)


def test_a_head_needs_no_torch(tmp_path: Path) -> None:
    folder(tmp_path, save(dict(LINEAR.tensors())))
    script = (
        "import sys, numpy as np; from pathlib import Path\n"
        "from retrieval.models.classifier_files import read_classifier\n"
        f"read_classifier(Path({str(tmp_path)!r})).logits(np.zeros((1, 3)))\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, timeout=60, check=False).returncode == 0
