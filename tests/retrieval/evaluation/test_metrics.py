"""Figures against a naive walk over every order that ties allow."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evaluation.metrics import rank_rows, summarize


def expected_rank(scores: list[int], right: set[int]) -> float:
    """The mean place of the first right candidate over all orders that sort ``scores``."""
    places = []
    for order in permutations(range(len(scores))):
        ordered = [scores[column] for column in order]
        if ordered == sorted(scores, reverse=True):
            places.append(1 + next(place for place, column in enumerate(order) if column in right))
    return float(np.mean(places))


@given(st.data())
def test_ranks_equal_the_mean_over_all_orders(data: st.DataObject) -> None:
    scores = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=6))
    right = data.draw(st.sets(st.integers(0, len(scores) - 1), min_size=1))
    ranks = rank_rows([np.array([scores], np.float32)], [sorted(right)])
    assert ranks[0] == pytest.approx(expected_rank(scores, right))


def test_blocks_are_one_matrix() -> None:
    scores = np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], np.float32)
    assert rank_rows([scores[:2], scores[2:]], [[0], [1], [2]]).tolist() == [1, 2, 3]


def test_rows_that_do_not_match_the_queries_are_refused() -> None:
    with pytest.raises(ValueError, match="expected a row for each of 2 queries, got 1"):
        rank_rows([np.ones((1, 2), np.float32)], [[0], [1]])


def test_figures_are_percent_and_ranks() -> None:
    summary = summarize(np.array([1, 1.5, 5, 10, 11, 100.0]))
    assert summary.to_json() == {"R@1": 16.67, "R@5": 50.0, "R@10": 66.67, "MdR": 7.5, "MnR": 21.42}


def test_no_ranks_have_no_figures() -> None:
    with pytest.raises(ValueError, match="at least one rank"):
        summarize(np.array([]))


def test_a_model_that_scores_all_alike_gains_nothing() -> None:
    ranks = rank_rows([np.zeros((100, 100), np.float32)], [[query] for query in range(100)])
    assert set(ranks) == {50.5}
