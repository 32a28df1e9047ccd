"""The max-margin loss is the paper's sum, and the cross entropy CLIP's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.training.mmt.loss import batch_loss, max_margin
from retrieval.training.mmt.recipe import Loss, MmtRecipe, learning_rate_at


def test_max_margin_is_the_mean_over_both_ways_without_the_diagonal() -> None:
    scores = np.random.default_rng(0).normal(size=(5, 5)).astype(np.float32)
    terms = []
    for i in range(5):
        for j in range(5):
            if i != j:
                terms.append(max(0.0, 0.2 + scores[i, j] - scores[i, i]))
                terms.append(max(0.0, 0.2 + scores[j, i] - scores[i, i]))
    assert float(max_margin(torch.from_numpy(scores), 0.2)) == pytest.approx(np.mean(terms), rel=1e-5)


def test_a_perfect_batch_costs_nothing() -> None:
    assert float(max_margin(torch.eye(4), 0.05)) == 0
    assert float(batch_loss(torch.eye(4), MmtRecipe(loss=Loss.CROSS_ENTROPY, temperature=0.01))) < 1e-6


def test_cross_entropy_of_even_scores_is_that_of_chance() -> None:
    recipe = MmtRecipe(loss=Loss.CROSS_ENTROPY)
    assert float(batch_loss(torch.zeros(8, 8), recipe)) == pytest.approx(np.log(8), rel=1e-5)


def test_the_rate_rises_then_falls_to_nothing() -> None:
    recipe = MmtRecipe(learning_rate=1.0)
    rates = [learning_rate_at(step, 100, recipe) for step in range(100)]
    assert rates.index(max(rates)) in (4, 5)
    assert rates[0] == pytest.approx(0.2)
    assert rates[-1] < 0.01
