"""Names are told apart, corrected, and made whole, without loading open_clip."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.errors import UnknownSpaceError
from retrieval.models.clip.names import ClipName, Form, nearest
from retrieval.spaces.registry import get_space


@pytest.mark.parametrize(
    ("text", "weights", "form"),
    [
        ("open_clip/ViT-B-32/laion2b_s34b_b79k", "laion2b_s34b_b79k", Form.FLOAT32),
        ("open_clip/ViT-B-32/laion2b_s34b_b79k@int8", "laion2b_s34b_b79k", Form.INT8),
        ("open_clip/ViT-B-32//data/a.pt", "/data/a.pt", Form.FLOAT32),
        ("open_clip/ViT-B-32//data/a@b/c@int8", "/data/a@b/c", Form.INT8),
    ],
)
def test_a_name_is_read_and_written_alike(text: str, weights: str, form: Form) -> None:
    name = ClipName.parse(text)
    assert (name.model, name.weights, name.form) == ("ViT-B-32", weights, form)
    assert str(name) == text
    assert ClipName.parse(str(name)) == name
    assert (name.path is None) == ("/" not in weights)


@pytest.mark.parametrize("weights", ["./a", "a.safetensors", "deeper/a.pt"])
def test_a_relative_path_becomes_absolute(weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ClipName.parse(f"open_clip/ViT-B-32/{weights}").path == (tmp_path / weights)


def test_the_home_folder_is_meant_by_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ClipName.parse("open_clip/ViT-B-32/~/a.pt").path == tmp_path / "a.pt"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("open_clip", r"'open_clip' names no model of open_clip: expected open_clip/MODEL/WEIGHTS, as "),
        ("open_clip/ViT-B-32", r"names no model of open_clip: expected open_clip/MODEL/WEIGHTS"),
        ("open_clip/ViT-B-32/", r"names no model of open_clip"),
        ("open_clip/ViT-B-23/openai", r"open_clip has no model 'ViT-B-23'; did you mean ViT-B-32"),
        ("open_clip/vit-b-32/openai", r"open_clip has no model 'vit-b-32'; did you mean ViT-B-32"),
        ("open_clip/qqqq/openai", r"open_clip has no model 'qqqq'; there are .* and others"),
        (f"open_clip/ViT-B-32//{'d' * 1010}.pt", r"longer than the 1024 signs that a library keeps; link the weights"),
    ],
)
def test_what_is_no_model_is_said_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UnknownSpaceError, match=message):
        get_space(name)


def test_the_nearest_of_none_is_said_so() -> None:
    assert nearest("x", []) == "it has none"


def test_naming_a_space_loads_no_torch() -> None:
    script = (
        "import sys; from retrieval.spaces.registry import get_space; print(get_space(sys.argv[1]).name); "
        "print(sorted({'torch', 'open_clip', 'onnxruntime', 'transformers'} & set(sys.modules)))"
    )
    name = "open_clip/ViT-B-32/laion2b_s34b_b79k@int8"
    done = subprocess.run([sys.executable, "-c", script, name], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [name, "[]"]
