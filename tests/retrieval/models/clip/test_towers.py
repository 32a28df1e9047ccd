"""The vectors are open_clip's own, on every runtime; a graph is written once, and made again where it is damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from retrieval.errors import ModelError
from retrieval.media.picture import decode_picture
from retrieval.models.clip import graphs, towers, weights
from retrieval.models.clip.kept import GRAPH, open_kept
from retrieval.models.clip.names import ClipName
from retrieval.models.clip.sample import sample_pictures
from retrieval.models.clip.towers import ClipModel
from retrieval.settings import MediaLimits
from retrieval.types import Float32Array

FAMILIES = ("tiny-vit", "tiny-convnext", "tiny-siglip")
TEXTS = ["a dog leaps for a frisbee", "Zwei Katzen – auf einer Matte!", "word " * 40, ""]


@pytest.fixture(autouse=True)
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def _model(tiny: Any) -> ClipModel:
    return ClipModel(ClipName.parse(tiny.space), threads=1)


def _cosines(one: Float32Array, other: Float32Array) -> Float32Array:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for number, size in enumerate([(300, 200), (200, 333), (128, 128)]):
        paths.append(folder / f"{number}.png")
        Image.fromarray(sample_pictures(size[1], size[0], count=number + 1)[number]).save(paths[-1])
    return paths


@pytest.fixture(params=["onnx", "torch"])
def runtime(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "torch":
        monkeypatch.setattr(graphs, "can_export", lambda: False)
        monkeypatch.setattr(towers, "open_kept", lambda _key: None)
    return name


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_are_those_of_open_clip(
    tiny_models: dict[str, Any], family: str, photographs: list[Path], runtime: str
) -> None:
    import open_clip

    tiny = tiny_models[family]
    model = _model(tiny)
    form = model.facts.preprocessing.form
    pixels = np.stack([decode_picture(path, form, MediaLimits())[1].pixels for path in photographs])
    with torch.inference_mode():
        inputs = torch.stack([tiny.preprocess(Image.open(path)) for path in photographs])
        pictures = tiny.model.encode_image(inputs, normalize=True).numpy()
        texts = tiny.model.encode_text(open_clip.get_tokenizer(family)(TEXTS), normalize=True).numpy()
    assert _cosines(model.embed_pictures(pixels), pictures).min() > 0.9999
    assert _cosines(model.embed_texts(TEXTS), texts).min() > 0.9999
    assert model.is_cut(TEXTS[2])
    assert not model.is_cut(TEXTS[0])
    assert len(model.embed_pictures(pixels[:0])) == len(model.embed_texts([])) == 0


def test_a_second_process_needs_no_torch(tiny_models: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first = _model(tiny_models["tiny-vit"])
    pixels = sample_pictures(64, 64, count=2)
    expected = first.embed_pictures(pixels), first.embed_texts(TEXTS), first.facts.version(first.name.form)

    monkeypatch.setattr(weights, "load_clip", None)  # what would be called with torch
    second = _model(tiny_models["tiny-vit"])
    np.testing.assert_allclose(second.embed_pictures(pixels), expected[0], atol=1e-6)
    np.testing.assert_allclose(second.embed_texts(TEXTS), expected[1], atol=1e-6)
    assert second.facts.version(second.name.form) == expected[2]


def test_a_damaged_graph_is_made_again(tiny_models: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    first = _model(tiny_models["tiny-vit"])
    expected = first.embed_texts(TEXTS)
    key = f"{first.facts.version(first.name.form)}-texts"
    kept = open_kept(key)
    assert kept is not None
    graph = kept[0] / GRAPH
    graph.write_bytes(graph.read_bytes()[:-100])
    assert open_kept(key) is None

    np.testing.assert_allclose(_model(tiny_models["tiny-vit"]).embed_texts(TEXTS), expected, atol=1e-6)
    assert open_kept(key) is not None
    assert "as ONNX graphs, once" in caplog.text


def test_a_graph_that_disagrees_with_torch_is_not_used(
    tiny_models: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIDI_CACHE", str(tmp_path))
    monkeypatch.setattr(graphs, "_run", lambda graph, name, inputs: np.ones((len(inputs), 24), np.float32))
    tiny = tiny_models["tiny-vit"]
    model = _model(tiny)
    pixels = sample_pictures(64, 64, count=2)
    with torch.inference_mode():
        expected = weights.PictureSide(weights.load_clip(model.name))(torch.from_numpy(pixels)).numpy()
    assert _cosines(model.embed_pictures(pixels), expected).min() > 0.9999
    assert "disagrees with torch" in caplog.text
    assert not list(tmp_path.glob("open_clip/graphs/*"))


def test_without_the_export_packages_it_runs_in_torch_and_says_so(
    tiny_models: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VIDI_CACHE", str(tmp_path))
    monkeypatch.setattr(graphs, "can_export", lambda: False)
    assert len(_model(tiny_models["tiny-vit"]).embed_texts(["a dog"])) == 1
    assert "pip install 'vidi[export]'" in caplog.text


def test_the_int8_form_has_a_version_of_its_own_and_agrees(tiny_models: dict[str, Any]) -> None:
    tiny = tiny_models["tiny-vit"]
    full, small = _model(tiny), ClipModel(ClipName.parse(f"{tiny.space}@int8"), threads=1)
    assert full.facts.version(full.name.form) != small.facts.version(small.name.form)
    pixels = sample_pictures(64, 64, count=20)[-4:]
    cosines = _cosines(small.embed_pictures(pixels), full.embed_pictures(pixels))
    assert 0.98 < cosines.min() < 1 - 1e-7
    np.testing.assert_allclose(small.embed_texts(TEXTS), full.embed_texts(TEXTS), atol=1e-6)


def test_an_int8_form_that_keeps_too_little_is_refused_each_time(
    tiny_models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "int8_key", lambda _facts: "refused")
    monkeypatch.setattr(graphs, "LEAST_COSINE_INT8", 1.1)
    name = ClipName.parse(f"{tiny_models['tiny-vit'].space}@int8")
    pixels = sample_pictures(64, 64, count=1)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"@int8 is refused: in int8 its vectors keep a cosine of [01]\.\d{3} "):
            ClipModel(name, threads=1).embed_pictures(pixels)
        monkeypatch.setattr(graphs, "keep_int8", None)  # the refusal is kept


def test_other_weights_are_another_version(
    tiny_models: dict[str, Any], tmp_path: Path, save_state: Callable[[dict[str, Any], Path], Path]
) -> None:
    tiny = tiny_models["tiny-vit"]
    state = tiny.model.state_dict()
    name = ClipName.parse(f"open_clip/tiny-vit/{save_state(state, tmp_path / 'one.pt')}")
    before = ClipModel(name).facts
    state = {key: tensor + 0.01 if key == "visual.proj" else tensor for key, tensor in state.items()}
    save_state(state, tmp_path / "one.pt")
    after = ClipModel(name).facts
    assert before.version(name.form) != after.version(name.form)
    assert before.version(name.form) != ClipModel(ClipName.parse(tiny.space)).facts.version(name.form)  # another file
