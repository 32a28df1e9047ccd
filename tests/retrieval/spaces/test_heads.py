"""The numpy heads against the formulas of their docstring, and their plain messages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import WeightsError
from retrieval.spaces.heads import KernelPart, MlpPart, StarterHeads, posterior, unit
from retrieval.training.heads_file import save_heads

SHIPPED = Path(__file__).parents[3] / "retrieval/spaces/weights/starter/heads.safetensors"


@pytest.fixture(scope="module")
def heads() -> StarterHeads:
    return StarterHeads.load(SHIPPED)


def test_unit_leaves_zeros_alone() -> None:
    rows = unit(np.array([[3, 4], [0, 0]], np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_posterior_of_large_logits_is_finite() -> None:
    np.testing.assert_allclose(posterior(np.array([[1000, 1000, 0]], np.float32)), [[0.5, 0.5, 0]])


def test_kernel_is_one_at_its_landmark_and_falls_with_distance() -> None:
    step, gamma = np.full(2, 0.5, np.float32), np.array([0.25], np.float32)
    landmarks = np.array([[2, 0], [0, 4]], np.int8)  # the points (1, 0) and (0, 2)
    kernel = KernelPart(landmarks, step, gamma, np.eye(2, dtype=np.float32), np.zeros(2, np.float32))
    nearness = kernel.nearness(np.array([[1, 0]], np.float32))
    np.testing.assert_allclose(nearness, [[1, np.exp(-0.25 * 5)]], rtol=1e-6)


def test_mlp_without_hidden_weight_is_linear() -> None:
    zeros = np.zeros((2, 3), np.float32), np.zeros(3, np.float32), np.zeros((3, 2), np.float32)
    mlp = MlpPart(2 * np.eye(2, dtype=np.float32), np.array([0, 1], np.float32), *zeros)
    np.testing.assert_allclose(mlp(np.array([[1, 0]], np.float32)), unit(np.array([[2, 1]], np.float32)))


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"the parts of an MLP have shapes"):
        MlpPart(*(np.zeros(shape, np.float32) for shape in ((2, 2), (3,), (2, 3), (3,), (3, 2))))


def test_pictures_and_texts_have_length_one_and_one_width(heads: StarterHeads) -> None:
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(size=(3, 1280))).astype(np.float32)
    pictures = heads.embed_pictures(features, rng.normal(size=(3, 1000)).astype(np.float32))
    texts = heads.embed_texts(unit(rng.normal(size=(2, 384)).astype(np.float32)))
    assert pictures.shape == (3, heads.dim)
    assert texts.shape == (2, heads.dim)
    assert pictures.dtype == texts.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([pictures, texts]), axis=1), 1, rtol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(heads: StarterHeads) -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(5, 384)).astype(np.float32))
    np.testing.assert_allclose(heads.embed_texts(vectors)[2:3], heads.embed_texts(vectors[2:3]), atol=1e-5)


def test_saved_heads_load_equal(heads: StarterHeads, tmp_path: Path) -> None:
    save_heads(heads, tmp_path / "heads.safetensors")
    vectors = unit(np.random.default_rng(2).normal(size=(4, 384)).astype(np.float32))
    again = StarterHeads.load(tmp_path / "heads.safetensors")
    np.testing.assert_array_equal(again.embed_texts(vectors), heads.embed_texts(vectors))
    assert [path.name for path in tmp_path.iterdir()] == ["heads.safetensors"]


@pytest.mark.parametrize(
    ("features", "logits", "message"),
    [
        ((2, 1279), (2, 1000), r"features have shape \[2, 1279\], expected \[n, 1280\]"),
        ((2, 1280), (2, 999), r"logits have shape \[2, 999\], expected \[n, 1000\]"),
        ((2, 1280), (3, 1000), r"2 rows of features but 3 of logits"),
    ],
)
def test_wrong_shapes_are_named(
    heads: StarterHeads, features: tuple[int, int], logits: tuple[int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        heads.embed_pictures(np.zeros(features, np.float32), np.zeros(logits, np.float32))


def test_missing_and_damaged_files_are_weights_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can't be read"):
        StarterHeads.load(tmp_path / "absent.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(SHIPPED.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="can't be read"):
        StarterHeads.load(tmp_path / "cut.safetensors")
