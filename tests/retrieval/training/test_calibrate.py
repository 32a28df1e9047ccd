"""Fitting a calibration, in a made space of some topics: pictures and queries of a topic lie together."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.spaces.calibration import Calibration
from retrieval.spaces.heads import unit
from retrieval.training.calibrate import (
    FITS,
    MISFIT,
    UNKNOWN,
    Background,
    CalibrationData,
    JudgedQueries,
    fit_calibration,
)
from retrieval.types import Float32Array

TOPICS, DIM, PICTURES = 30, 48, 400
TEST_TOPICS = 10  # the last topics, of which no picture is in the tests' library


def _around(centres: Float32Array, topics: np.ndarray, noise: float, rng: np.random.Generator) -> Float32Array:
    return unit(centres[topics] + noise * rng.normal(size=(len(topics), DIM)).astype(np.float32))


class World:
    """Pictures [400, 48] and queries of topics; some captions, some short names that lie farther off."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        centres = unit(rng.normal(size=(TOPICS, DIM)).astype(np.float32))
        self.topics = rng.integers(TOPICS, size=PICTURES)
        self.pictures = _around(centres, self.topics, 0.08, rng)
        self.asked = rng.integers(TOPICS, size=300)
        self.captions = _around(centres, self.asked, 0.08, rng)
        self.names = _around(centres, self.asked, 0.2, rng)
        self.background = Background(self.pictures, self.captions, _around(centres, np.arange(TOPICS), 0.1, rng))

    def judged(self, queries: Float32Array) -> JudgedQueries:
        fits = self.asked[:, None] == self.topics
        return JudgedQueries(queries, np.where(fits, FITS, MISFIT).astype(np.int8))


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def fitted(world: World) -> Calibration:
    data = CalibrationData(world.pictures, (world.judged(world.captions), world.judged(world.names)))
    return fit_calibration(world.background, data, refused=0.1, seed=0)


@pytest.mark.parametrize("kind", ["captions", "names"])
def test_what_is_there_is_shown_and_what_is_not_is_refused(world: World, fitted: Calibration, kind: str) -> None:
    library = world.pictures[world.topics < TOPICS - TEST_TOPICS][:60]
    best = [fitted.chance(library @ query, library, query, len(library)).max() for query in getattr(world, kind)]
    fits, there = np.array(best) >= fitted.threshold, world.asked < TOPICS - TEST_TOPICS
    assert fits[there].mean() > 0.85
    assert fits[~there].mean() < 0.15


def test_the_threshold_is_even_odds_at_most(fitted: Calibration) -> None:
    assert 0 < fitted.threshold <= 0.5


def test_libraries_of_every_size_would_refuse_the_same_true_captions(world: World, fitted: Calibration) -> None:
    """The chance that a tenth of the true captions lies under is nearly the same."""
    rng, rivals, bounds = np.random.default_rng(7), fitted.rival(world.pictures), {}
    for size in (10, 300):
        best = []
        for query, topic in zip(world.captions, world.asked, strict=True):
            rows = rng.choice(PICTURES, size, replace=False)
            rows[0] = rng.choice(np.flatnonzero(world.topics == topic))
            terms = fitted.terms(world.pictures[rows] @ query, rivals[rows], query, size)
            best.append((terms @ fitted.weights).max())
        bounds[size] = np.quantile(best, 0.1)
    assert bounds[300] == pytest.approx(bounds[10], abs=1.0)


def test_the_same_seed_gives_the_same(world: World, fitted: Calibration) -> None:
    data = CalibrationData(world.pictures, (world.judged(world.captions), world.judged(world.names)))
    again = fit_calibration(world.background, data, refused=0.1, seed=0)
    np.testing.assert_array_equal(again.weights, fitted.weights)


def test_scores_that_say_the_contrary_get_no_weight(world: World) -> None:
    upside_down = JudgedQueries(-world.captions, world.judged(world.captions).judgements)
    fitted = fit_calibration(world.background, CalibrationData(world.pictures, (upside_down,)), refused=0.1, seed=0)
    assert fitted.weights[1] == 0


def test_what_is_unknown_teaches_nothing(world: World, fitted: Calibration) -> None:
    unknown = JudgedQueries(world.names, np.full((300, PICTURES), UNKNOWN, np.int8))
    data = CalibrationData(world.pictures, (world.judged(world.captions), world.judged(world.names), unknown))
    again = fit_calibration(world.background, data, refused=0.1, seed=0)
    np.testing.assert_array_equal(again.weights, fitted.weights)


def test_judgements_of_another_size_are_refused(world: World) -> None:
    with pytest.raises(ValueError, match=r"judgements have shape \[300, 400\], expected \[300, 7\]"):
        CalibrationData(world.pictures[:7], (world.judged(world.captions),))
