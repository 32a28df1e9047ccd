"""What stands in for a shipped calibration, in a made space where texts lie near what they speak of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.spaces.general_sentences import general_sentences
from retrieval.spaces.heads import unit
from retrieval.spaces.library_calibration import LibraryCalibration
from retrieval.spaces.space import JudgesHits
from retrieval.types import Float32Array

DIM, TOPICS = 64, 40
RNG = np.random.default_rng(5)
CENTRES = unit(RNG.normal(size=(TOPICS, DIM)).astype(np.float32))


def around(topics: list[int], noise: float) -> Float32Array:
    return unit(CENTRES[topics] + noise * RNG.normal(size=(len(topics), DIM)).astype(np.float32))


def embed(texts: list[str]) -> Float32Array:
    """Sentences about all topics but the first two."""
    return around([2 + number % (TOPICS - 2) for number in range(len(texts))], 0.1)


@pytest.fixture
def dogs() -> Float32Array:
    return around([0] * 60, 0.1)


def best(made: LibraryCalibration, library: Float32Array, query: Float32Array) -> float:
    return float(made.hit_chance(library @ query, library, query, len(library)).max())


def test_it_judges_hits(dogs: Float32Array) -> None:
    assert isinstance(LibraryCalibration.make(dogs, embed), JudgesHits)


@pytest.mark.parametrize("count", [3, 60])
def test_a_library_of_one_topic_answers_it_and_refuses_another(dogs: Float32Array, count: int) -> None:
    made = LibraryCalibration.make(dogs[:count], embed)
    dog, submarine = around([0, 1], 0.1)
    assert best(made, dogs[:count], dog) >= made.fits_from
    assert best(made, dogs[:count], submarine) < made.fits_from


def test_a_library_of_one_picture_is_judged(dogs: Float32Array) -> None:
    made = LibraryCalibration.make(dogs[:1], embed)
    assert np.isfinite(best(made, dogs[:1], around([1], 0.1)[0]))


def test_higher_scores_and_smaller_libraries_have_higher_chances(dogs: Float32Array) -> None:
    made = LibraryCalibration.make(dogs, embed)
    scores = np.linspace(-1, 1, 21, dtype=np.float32)
    small, large = (made.hit_chance(scores, dogs[:1], dogs[1], items) for items in (10, 10_000))
    assert (np.diff(small) >= 0).all()
    assert small[-1] > small[0]
    assert (large <= small).all()
    assert (large < small).any()


def test_it_is_kept_under_its_key_and_made_again_under_another(dogs: Float32Array, tmp_path: Path) -> None:
    made, path = LibraryCalibration.make(dogs, embed), tmp_path / "kept.safetensors"
    assert LibraryCalibration.load(path, "v1") is None
    made.save(path, "v1")
    again = LibraryCalibration.load(path, "v1")
    assert again is not None
    np.testing.assert_array_equal(again.sentences, made.sentences)
    np.testing.assert_array_equal(again.covariance, made.covariance)
    assert LibraryCalibration.load(path, "v2") is None
    path.write_bytes(path.read_bytes()[:200])
    assert LibraryCalibration.load(path, "v1") is None
    assert [file.name for file in tmp_path.iterdir()] == ["kept.safetensors"]


def test_general_sentences_are_many_and_all_different() -> None:
    sentences = general_sentences()
    assert len(sentences) == len(set(sentences)) > 300
    assert sentences == general_sentences()
