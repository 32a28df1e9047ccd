"""What is no weights of the model is said in one line, and runs nothing."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from retrieval.errors import UnknownSpaceError, WeightsError
from retrieval.models.clip.names import ClipName
from retrieval.models.clip.towers import ClipModel
from retrieval.models.clip.weights import load_clip
from retrieval.models.hub import is_hub_reachable


class _Runs:
    """A pickle of it makes a file when it is read by a reader that runs code."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self._mark),)


def _facts(model: str, weights: Path | str) -> Any:
    return ClipModel(ClipName.parse(f"open_clip/{model}/{weights}")).facts


def _message(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


def test_another_architecture_lists_the_first_names_of_each_kind(tiny_models: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"is of another model than tiny-vit: missing: .* and \d+ more") as error:
        _facts("tiny-vit", tiny_models["tiny-convnext"].file)
    text = _message(error)
    assert "; unexpected: visual." in text
    assert text.endswith("name its own model")


def test_the_same_names_of_another_width_are_told_by_shape(tiny_models: dict[str, Any], tmp_path: Path) -> None:
    state = tiny_models["tiny-vit"].model.state_dict()
    state["text_projection"] = torch.zeros(7, 24)
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"of another shape: text_projection \[7, 24\] for \[32, 24\]") as error:
        _facts("tiny-vit", tmp_path / "other.safetensors")
    _message(error)


@pytest.mark.parametrize("pack", [lambda value, path: path.write_bytes(pickle.dumps(value)), torch.save])
def test_a_pickle_that_runs_code_is_refused_and_never_runs(
    pack: Callable[[Any, Path], Any], tmp_path: Path, tiny_models: dict[str, Any]
) -> None:
    mark = tmp_path / "it ran"
    pack({"state_dict": tiny_models["tiny-vit"].model.state_dict(), "more": _Runs(mark)}, tmp_path / "evil.pt")
    with pytest.raises(WeightsError, match=r"evil\.pt (was not loaded|can't be read)") as error:
        _facts("tiny-vit", tmp_path / "evil.pt")
    _message(error)
    assert not mark.exists()


def test_a_file_cut_short_is_no_weights(tiny_models: dict[str, Any], tmp_path: Path) -> None:
    whole = tiny_models["tiny-vit"].file.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match=r"cut\.safetensors can't be read as weights") as error:
        _facts("tiny-vit", tmp_path / "cut.safetensors")
    _message(error)


@pytest.mark.parametrize("name", ["note.pt", "note.safetensors", "note.npz"])
def test_what_was_never_weights_is_refused(name: str, tmp_path: Path, tiny_models: dict[str, Any]) -> None:
    (tmp_path / name).write_text("dear diary " * 50)
    with pytest.raises(WeightsError, match=r"note\.\w+ (was not loaded|can't be read)") as error:
        _facts("tiny-vit", tmp_path / name)
    _message(error)


def test_a_missing_file_and_a_folder_of_nothing_are_said(tmp_path: Path, tiny_models: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"there are no weights at .*absent\.pt; give the path"):
        _facts("tiny-vit", tmp_path / "absent.pt")
    with pytest.raises(
        WeightsError, match=r"the folder .* holds no model of open_clip: expected open_clip_config\.json"
    ):
        _facts("tiny-vit", tmp_path)


def test_weights_of_a_training_run_load(
    tiny_models: dict[str, Any], tmp_path: Path, save_state: Callable[[dict[str, Any], Path], Path]
) -> None:
    state = {f"module.{key}": tensor for key, tensor in tiny_models["tiny-vit"].model.state_dict().items()}
    file = save_state({"epoch": 3, "state_dict": state}, tmp_path / "epoch_3.pt")
    loaded = load_clip(ClipName.parse(f"open_clip/tiny-vit/{file}"))
    torch.testing.assert_close(loaded.model.state_dict(), tiny_models["tiny-vit"].model.state_dict())


def test_a_folder_with_its_configuration_says_how_pictures_are_prepared(
    tiny_models: dict[str, Any], tmp_path: Path
) -> None:
    import json

    shutil.copy(tiny_models["tiny-vit"].file, tmp_path / "open_clip_model.safetensors")
    told = {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    config = {"model_cfg": tiny_models["tiny-vit"].config, "preprocess_cfg": told}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    by_folder, by_file = (_facts("tiny-vit", path) for path in (tmp_path, tmp_path / "open_clip_model.safetensors"))
    for facts in (by_folder, by_file):
        assert (facts.preprocessing.mean, facts.preprocessing.resize_mode) == ((0.5, 0.5, 0.5), "squash")
        assert facts.preprocessing.height == 64


def test_an_unknown_tag_is_answered_with_the_nearest() -> None:
    with pytest.raises(
        UnknownSpaceError, match=r"ViT-B-32 has no weights 'laion2b_s34b'; did you mean laion2b_s34b_b79k"
    ):
        _facts("ViT-B-32", "laion2b_s34b")


@pytest.mark.parametrize("is_offline", [True, False])
def test_a_hub_out_of_reach_is_said_at_once(is_offline: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", is_offline)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("HTTPS_PROXY", raising=False)
    monkeypatch.delenv("https_proxy", raising=False)
    began = time.monotonic()
    expected = (
        r"the model open_clip/ViT-B-32/laion2b_s34b_b79k is not on this machine, and the hub that has it can't be "
        r"reached \(.+\); connect and try again, or copy its file here and name it: --space open_clip/ViT-B-32/PATH"
    )
    with pytest.raises(WeightsError, match=expected) as error:
        _facts("ViT-B-32", "laion2b_s34b_b79k")
    assert time.monotonic() - began < 10
    assert ("HF_HUB_OFFLINE is set" in _message(error)) == is_offline
    assert not is_hub_reachable()
