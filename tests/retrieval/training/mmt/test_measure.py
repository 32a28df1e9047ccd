"""The chance that a score stands for rises through one half where right and wrong are as likely."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.training.mmt.measure import FEWEST_FOR_CHANCE, Embedded, fit_chance, measure


def embedded(apart: float, count: int = 60) -> Embedded:
    """Each text is like its own clip by ``apart`` more than by any other."""
    clips = np.eye(count, dtype=np.float32)
    rng = np.random.default_rng(0)
    texts = rng.uniform(0.1, 0.3, (count, count)).astype(np.float32) + np.float32(apart) * clips
    return Embedded(texts, np.arange(count), clips, np.arange(count))


def test_even_odds_lie_between_right_and_best_wrong_scores() -> None:
    found = fit_chance(embedded(0.3))
    assert found is not None
    assert 0.3 < found["even"] < 0.45
    assert found["steepness"] > 10


def test_the_less_they_differ_the_flatter_it_is() -> None:
    clear, vague = fit_chance(embedded(0.3)), fit_chance(embedded(0.05))
    assert clear is not None
    assert vague is not None
    assert clear["steepness"] > 2 * vague["steepness"]


def test_a_model_that_learned_nothing_still_has_a_chance_that_rises() -> None:
    found = fit_chance(embedded(-0.3))
    assert found is not None
    assert found["steepness"] > 0


def test_few_clips_tell_nothing() -> None:
    assert fit_chance(embedded(0.3, FEWEST_FOR_CHANCE)) is not None
    assert fit_chance(embedded(0.3, FEWEST_FOR_CHANCE - 1)) is None


def test_figures_go_both_ways() -> None:
    assert measure(embedded(0.5))["media_to_text"]["R@1"] == pytest.approx(100)


def test_a_clip_is_found_by_its_best_window() -> None:
    texts = np.eye(3, dtype=np.float32)
    windows = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0, 0]], np.float32)
    found = Embedded(texts, np.arange(3), windows, np.array([0, 2, 3]))
    np.testing.assert_array_equal(found.scores(), [[1, 0, 0.5], [0, 1, 0], [0, 0, 1]])
    assert measure(found)["text_to_media"]["R@1"] == 100
