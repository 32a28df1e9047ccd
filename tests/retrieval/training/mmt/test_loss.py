"""The max-margin loss is the paper's sum, and the cross entropy CLIP's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from retrieval.models.mmt import TextVectors, VideoVectors
from retrieval.training.mmt.loss import batch_loss, loss_of_each_expert, max_margin
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


def test_each_expert_is_judged_on_the_clips_that_have_it() -> None:
    generator = torch.Generator().manual_seed(0)
    texts, clips = (torch.nn.functional.normalize(torch.randn(4, 2, 6, generator=generator), dim=-1) for _ in range(2))
    present = torch.tensor([[True, True], [True, False], [True, True], [True, False]])
    found = TextVectors(texts, None, torch.full((4, 2), 0.5))
    seen = VideoVectors(clips * present[..., None], None, present)
    recipe = MmtRecipe(margin=0.3)
    both = max_margin(texts[:, 0] @ clips[:, 0].T, 0.3)
    two = torch.tensor([0, 2])
    second = max_margin(texts[two, 1] @ clips[two, 1].T, 0.3)
    assert float(loss_of_each_expert(found, seen, recipe)) == pytest.approx(float((both + second) / 2), rel=1e-5)


def test_a_batch_whose_clips_share_no_expert_has_nothing_to_tell_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    texts, clips = (torch.randn(2, 2, 6, generator=generator).requires_grad_() for _ in range(2))
    found = TextVectors(texts, None, torch.full((2, 2), 0.5))
    seen = VideoVectors(clips, None, torch.eye(2, dtype=torch.bool))
    loss = loss_of_each_expert(found, seen, MmtRecipe())
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
