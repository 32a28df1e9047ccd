from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrieval.search.chances import ImageChances, TextChances

SCORES = np.linspace(-1, 1, 41, dtype=np.float32)


class PickySpace:
    """Calibrated, with a threshold of its own."""

    fits_from = 0.25

    def chance(self, scores: Any, query: Any, items: int) -> Any:
        return scores * items


def test_a_text_goes_by_the_spaces_calibration_and_threshold(space: Any) -> None:
    query = np.ones(4, np.float32)
    picky: Any = PickySpace()
    assert TextChances(picky, query, 2).of(np.array([0.25, 0.75], np.float32)).tolist() == [0.5, 1.0]
    assert TextChances(picky, query, 2).fits_from == 0.25
    assert TextChances(space, query, 2).fits_from == 0.5


def test_a_picture_has_even_odds_at_its_cosine() -> None:
    chances = ImageChances()
    assert chances.of(np.array([0.6], np.float32))[0] == pytest.approx(chances.fits_from)


def test_chances_are_in_range_and_rise_with_the_score() -> None:
    likely = ImageChances().of(SCORES)
    assert likely.dtype == np.float32
    assert ((likely >= 0) & (likely <= 1)).all()
    assert (np.diff(likely) >= 0).all()
