from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrieval.search.chances import FEW, ImageChances, TextChances

ANY = np.zeros((1, 4), np.float32)
SCORES = np.linspace(-1, 1, 41, dtype=np.float32)


class PickySpace:
    """Calibrated, with a threshold of its own."""

    fits_from = 0.25

    def chance(self, scores: Any, query: Any, items: int) -> Any:
        return scores * items


def test_a_text_goes_by_the_spaces_calibration_and_threshold(space: Any) -> None:
    query = np.ones(4, np.float32)
    picky: Any = PickySpace()
    assert TextChances(picky, query, 2).of(np.array([0.25, 0.75], np.float32), ANY).tolist() == [0.5, 1.0]
    assert TextChances(picky, query, 2).fits_from == 0.25
    assert TextChances(space, query, 2).fits_from == 0.5


class LookingSpace(PickySpace):
    """Judges hits by their own vectors, too."""

    def hit_chance(self, scores: Any, vectors: Any, query: Any, items: int) -> Any:
        return scores - vectors[:, 0]


def test_a_space_that_judges_hits_is_shown_them() -> None:
    looking: Any = LookingSpace()
    chances = TextChances(looking, np.ones(4, np.float32), 2)
    hits = np.array([[0.5, 0, 0, 0], [0.25, 0, 0, 0]], np.float32)
    assert chances.of(np.array([0.75, 0.75], np.float32), hits).tolist() == [0.25, 0.5]
    assert chances.of(np.array([0.75, 0.25], np.float32), hits[:1]).tolist() == [0.25, 0.0]


def test_another_judge_takes_the_spaces_place(space: Any) -> None:
    looking: Any = LookingSpace()
    chances = TextChances(space, np.ones(4, np.float32), 2, judge=looking)
    assert chances.fits_from == 0.25
    assert chances.of(np.array([0.75], np.float32), np.full((1, 4), 0.5, np.float32)).tolist() == [0.25]


class CountingSpace:
    """The chance is the score, divided by how many were compared beyond fifteen."""

    fits_from = 0.5

    def chance(self, scores: Any, query: Any, items: int) -> Any:
        return scores * min(1.0, FEW / items)


def test_what_fits_much_of_the_library_fits_however_large_it_is() -> None:
    counting: Any = CountingSpace()
    query = np.array([1, 0, 0, 0], np.float32)
    dogs = np.tile(np.array([[0.75, 0, 0, 0]], np.float32), (3000, 1))
    alone, among = (
        TextChances(counting, query, 15_000, sample=sample) for sample in (dogs, dogs * (np.arange(3000) == 0)[:, None])
    )
    scores = np.array([0.8, 0.7], np.float32)
    np.testing.assert_allclose(alone.of(scores, ANY), [0.75, 0.7 / 1000], rtol=1e-5)
    np.testing.assert_allclose(among.of(scores, ANY), scores / 1000, rtol=1e-5)


def test_what_the_library_says_of_a_query_is_worked_out_once() -> None:
    """It takes some milliseconds, and a page asks for it once a hit, or two hundred times beside captions."""
    asked: list[int] = []

    class Recording(CountingSpace):
        def chance(self, scores: Any, query: Any, items: int) -> Any:
            asked.append(len(scores))
            return super().chance(scores, query, items)

    recording: Any = Recording()
    dogs = np.tile(np.array([[0.75, 0, 0, 0]], np.float32), (300, 1))
    chances = TextChances(recording, np.array([1, 0, 0, 0], np.float32), 15_000, sample=dogs)
    for _ in range(3):
        chances.of(np.array([0.8], np.float32), ANY)
    assert asked == [1, 300 // FEW, 1, 1]


def test_a_small_library_is_judged_as_it_is() -> None:
    counting: Any = CountingSpace()
    query = np.array([1, 0, 0, 0], np.float32)
    few = np.tile(np.array([[0.75, 0, 0, 0]], np.float32), (FEW, 1))
    assert TextChances(counting, query, FEW, sample=few).of(np.array([0.25], np.float32), ANY).tolist() == [0.25]


def test_a_picture_has_even_odds_at_its_cosine() -> None:
    chances = ImageChances()
    assert chances.of(np.array([0.6], np.float32), ANY)[0] == pytest.approx(chances.fits_from)


def test_chances_are_in_range_and_rise_with_the_score() -> None:
    likely = ImageChances().of(SCORES, ANY)
    assert likely.dtype == np.float32
    assert ((likely >= 0) & (likely <= 1)).all()
    assert (np.diff(likely) >= 0).all()
