"""The calibration: its terms, its order, its file, and the shipped one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from retrieval.errors import WeightsError
from retrieval.spaces.calibration import MAX_ITEMS, Calibration
from retrieval.spaces.heads import unit
from retrieval.spaces.starter import STARTER_WEIGHTS
from retrieval.training.heads_file import save_calibration

QUERY = np.array([1, 0], np.float32)
RIVALS = np.array([[0.9, 0], [0.7, 0], [0.5, 0], [0.1, 0.8], [0, 0.9]], np.float32)
PLAIN = np.array([[0.4, 0]], np.float32)  # its rival, the third best name, is 0.5 · 0.4


@pytest.fixture
def calibration() -> Calibration:
    covariance = np.diag([0.04, 1.0]).astype(np.float32)
    weights = np.array([-1, 5, 3, 1, -2, 1, -0.2], np.float32)
    mean, captions = np.array([0.1, 0.5], np.float32), np.array([0.3, 0.2], np.float32)
    return Calibration(mean, covariance, captions, RIVALS, weights, 0.5)


def test_terms_are_those_of_the_background(calibration: Calibration) -> None:
    terms = calibration.terms(np.array([0.5], np.float32), np.array([0.1], np.float32), QUERY, 100)
    np.testing.assert_allclose(terms, [[1, 0.5, 0.4, 0.1, 0.2, 0.3, np.log(100)]], rtol=1e-5)


def test_a_rival_is_the_third_best_name_of_each_picture(calibration: Calibration) -> None:
    np.testing.assert_allclose(calibration.rival(np.array([[0.4, 0], [0, 1]], np.float32)), [0.2, 0.0], atol=1e-6)


def test_chance_rises_with_the_score_and_falls_with_the_library(calibration: Calibration) -> None:
    scores = np.array([0.1, 0.5, 0.9], np.float32)
    small, large = calibration.chance(scores, PLAIN, QUERY, 15), calibration.chance(scores, PLAIN, QUERY, 10_000)
    assert (np.diff(small) > 0).all()
    assert (large < small).all()
    assert ((small >= 0) & (small <= 1)).all()


def test_a_picture_that_lies_near_any_name_has_less_of_a_chance(calibration: Calibration) -> None:
    scores = np.array([0.5, 0.5], np.float32)
    plain, hub = calibration.chance(scores, np.array([[0.4, 0], [0.8, 0]], np.float32), QUERY, 15)
    assert hub < plain


def test_a_very_large_or_empty_library_is_bounded(calibration: Calibration) -> None:
    score = np.array([0.5], np.float32)
    at = {items: calibration.chance(score, PLAIN, QUERY, items) for items in (0, 1, MAX_ITEMS, 10**9)}
    assert at[MAX_ITEMS] == at[10**9]
    assert at[0] == at[1]


def test_fits_from_the_threshold_on(calibration: Calibration) -> None:
    assert calibration.fits(np.array([0.49, 0.5, 0.51], np.float32)).tolist() == [False, True, True]


def test_a_query_of_another_space_is_refused(calibration: Calibration) -> None:
    with pytest.raises(ValueError, match=r"shapes \[3\] and \[1, 2\], expected \[2\] and \[n, 2\]"):
        calibration.chance(np.zeros(1, np.float32), PLAIN, np.zeros(3, np.float32), 1)


def test_hits_of_another_space_are_refused(calibration: Calibration) -> None:
    with pytest.raises(ValueError, match=r"shapes \[2\] and \[1, 3\], expected \[2\] and \[n, 2\]"):
        calibration.chance(np.zeros(1, np.float32), np.zeros((1, 3), np.float32), QUERY, 1)


def test_file_round_trip(calibration: Calibration, tmp_path: Path) -> None:
    save_calibration(calibration, tmp_path / "c.safetensors")
    again = Calibration.load(tmp_path / "c.safetensors")
    scores = np.array([0.3, 0.7], np.float32)
    before, after = (each.chance(scores, PLAIN, QUERY, 9) for each in (calibration, again))
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_missing_file_is_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can't be read"):
        Calibration.load(tmp_path / "absent.safetensors")


def test_a_file_of_an_older_form_names_what_it_lacks(calibration: Calibration, tmp_path: Path) -> None:
    save_file({"mean": calibration.mean}, tmp_path / "old.safetensors")
    with pytest.raises(WeightsError, match="lacks covariance, captions, rivals, weights, threshold; reinstall vidi"):
        Calibration.load(tmp_path / "old.safetensors")


@pytest.mark.parametrize(
    "weights",
    [[0, -1, 0, 0, 0, 0, 0], [0, 1, -1, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 1]],
    ids=["score", "lead", "size"],
)
def test_weights_that_would_turn_the_order_round_are_refused(calibration: Calibration, weights: list[float]) -> None:
    with pytest.raises(WeightsError, match="expected at least 0, at least 0 and at most 0"):
        replace(calibration, weights=np.array(weights, np.float32))


def test_too_few_rivals_are_refused(calibration: Calibration) -> None:
    with pytest.raises(WeightsError, match=r"'rivals': \[2, 2\].* expected .*\[3 or more, d\]"):
        replace(calibration, rivals=RIVALS[:2])


def test_the_shipped_one_rises_with_the_score_and_falls_with_the_library() -> None:
    shipped = Calibration.load(STARTER_WEIGHTS / "calibration.safetensors")
    rng = np.random.default_rng(0)
    query, picture = unit(rng.normal(size=(2, len(shipped.mean))).astype(np.float32))
    scores = np.linspace(0, 0.6, 13, dtype=np.float32)
    chances = np.stack([shipped.chance(scores, picture[None], query, items) for items in (15, 300, 20_000)])
    assert (np.diff(chances, axis=1) > 0).all()
    assert (np.diff(chances, axis=0) < 0).all()
    assert shipped.threshold <= 0.5
