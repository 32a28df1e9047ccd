"""The calibration: its terms, its order, its file, and the shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import WeightsError
from retrieval.spaces.calibration import MAX_ITEMS, Calibration
from retrieval.spaces.heads import unit
from retrieval.spaces.starter import STARTER_WEIGHTS
from retrieval.training.heads_file import save_calibration

QUERY = np.array([1, 0], np.float32)


@pytest.fixture
def calibration() -> Calibration:
    covariance = np.diag([0.04, 1.0]).astype(np.float32)
    weights = np.array([-1, 5, 1, -2, -0.2], np.float32)
    return Calibration(np.array([0.1, 0.5], np.float32), covariance, weights, 0.5)


def test_terms_are_those_of_the_background(calibration: Calibration) -> None:
    terms = calibration.terms(np.array([0.5], np.float32), QUERY, 100)
    np.testing.assert_allclose(terms, [[1, 0.5, 0.1, 0.2, np.log(100)]], rtol=1e-5)


def test_chance_rises_with_the_score_and_falls_with_the_library(calibration: Calibration) -> None:
    scores = np.array([0.1, 0.5, 0.9], np.float32)
    small, large = calibration.chance(scores, QUERY, 15), calibration.chance(scores, QUERY, 10_000)
    assert (np.diff(small) > 0).all()
    assert (large < small).all()
    assert ((small >= 0) & (small <= 1)).all()


def test_a_very_large_or_empty_library_is_bounded(calibration: Calibration) -> None:
    score = np.array([0.5], np.float32)
    assert calibration.chance(score, QUERY, MAX_ITEMS) == calibration.chance(score, QUERY, 10**9)
    assert calibration.chance(score, QUERY, 0) == calibration.chance(score, QUERY, 1)


def test_fits_from_the_threshold_on(calibration: Calibration) -> None:
    assert calibration.fits(np.array([0.49, 0.5, 0.51], np.float32)).tolist() == [False, True, True]


def test_a_query_of_another_space_is_refused(calibration: Calibration) -> None:
    with pytest.raises(ValueError, match=r"the query has shape \[3\], expected \[2\]"):
        calibration.chance(np.zeros(1, np.float32), np.zeros(3, np.float32), 1)


def test_file_round_trip(calibration: Calibration, tmp_path: Path) -> None:
    save_calibration(calibration, tmp_path / "c.safetensors")
    again = Calibration.load(tmp_path / "c.safetensors")
    scores = np.array([0.3, 0.7], np.float32)
    np.testing.assert_allclose(again.chance(scores, QUERY, 9), calibration.chance(scores, QUERY, 9), atol=1e-3)


def test_missing_file_is_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can't be read"):
        Calibration.load(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("weights", [[0, -1, 0, 0, 0], [0, 1, 0, 0, 1]], ids=["score", "size"])
def test_weights_that_would_turn_the_order_round_are_refused(weights: list[float]) -> None:
    with pytest.raises(WeightsError, match="expected at least 0 and at most 0"):
        Calibration(np.zeros(2, np.float32), np.eye(2, dtype=np.float32), np.array(weights, np.float32), 0.5)


def test_the_shipped_one_rises_with_the_score_and_falls_with_the_library() -> None:
    shipped = Calibration.load(STARTER_WEIGHTS / "calibration.safetensors")
    query = unit(np.random.default_rng(0).normal(size=(1, len(shipped.mean))).astype(np.float32))[0]
    scores = np.linspace(0, 0.6, 13, dtype=np.float32)
    chances = np.stack([shipped.chance(scores, query, items) for items in (15, 300, 20_000)])
    assert (np.diff(chances, axis=1) > 0).all()
    assert (np.diff(chances, axis=0) < 0).all()
    assert shipped.threshold <= 0.5
