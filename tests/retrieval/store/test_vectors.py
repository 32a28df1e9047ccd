"""The rules that every vector index shares."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.store.vectors import NO_VECTOR, best_first, checked_vectors


def test_rows_are_sorted_by_score_then_id_with_empty_places_last() -> None:
    scores = np.array([[0.5, 9.0, 0.5, 0.7]], np.float32)
    ids = np.array([[8, NO_VECTOR, 3, 5]])
    sorted_scores, sorted_ids = best_first(scores, ids)
    assert sorted_ids.tolist() == [[5, 3, 8, NO_VECTOR]]
    assert sorted_scores.tolist() == [[pytest.approx(0.7), 0.5, 0.5, -np.inf]]


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_never_enter(number: float) -> None:
    vectors = np.ones((2, 3), np.float32)
    vectors[1, 2] = number
    with pytest.raises(ValueError, match="NaN or infinity"):
        checked_vectors(np.array([1, 2]), vectors, 3)


@pytest.mark.parametrize(("ids", "shape"), [([1, 2], (2, 4)), ([1], (2, 3)), ([1, 2, 3], (3,))])
def test_wrong_shapes_are_refused(ids: list[int], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected ids \[n\] and vectors \[n, 3\]"):
        checked_vectors(np.array(ids), np.ones(shape, np.float32), 3)


def test_vectors_become_float32_without_a_change_of_value() -> None:
    half = np.array([[0.1, 0.2]], np.float16)
    checked = checked_vectors(np.array([1]), half.astype(np.float64), 2)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, half.astype(np.float32))
