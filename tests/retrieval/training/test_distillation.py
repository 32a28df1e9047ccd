"""Equations 2 and 3 of Touvron et al. 2021 against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from retrieval.training.distillation import (
    Distillation,
    DistillationConfig,
    distillation_loss,
    hard_loss,
    label_loss,
    soft_loss,
)


def logs(*chances: float) -> Tensor:
    """Logits whose softmax is ``chances``."""
    return torch.tensor([chances]).log()


STUDENT, TEACHER, LABEL = logs(0.5, 0.25, 0.25), logs(0.2, 0.2, 0.6), torch.tensor([0])
KL = 0.2 * math.log(0.2 / 0.5) + 0.2 * math.log(0.2 / 0.25) + 0.6 * math.log(0.6 / 0.25)


def test_the_label_costs_the_logarithm_of_its_chance() -> None:
    assert label_loss(STUDENT, LABEL).item() == pytest.approx(math.log(2))


def test_smoothing_asks_a_little_of_every_class() -> None:
    wanted = 0.9 * math.log(2) + 0.1 * (math.log(2) + 2 * math.log(4)) / 3
    assert label_loss(STUDENT, LABEL, smoothing=0.1).item() == pytest.approx(wanted)


def test_mixed_labels_are_shares() -> None:
    wanted = 0.75 * math.log(2) + 0.25 * math.log(4)
    assert label_loss(STUDENT, torch.tensor([[0.75, 0.0, 0.25]])).item() == pytest.approx(wanted)


def test_soft_is_the_divergence_from_the_teacher() -> None:
    assert soft_loss(STUDENT, TEACHER, temperature=1.0).item() == pytest.approx(KL)


def test_soft_at_a_temperature_flattens_both_and_weighs_its_square() -> None:
    flat = [[chance**0.5 for chance in chances] for chances in ((0.5, 0.25, 0.25), (0.2, 0.2, 0.6))]
    ours, theirs = ([value / sum(values) for value in values] for values in flat)
    wanted = 4 * sum(t * math.log(t / o) for o, t in zip(ours, theirs, strict=True))
    assert soft_loss(STUDENT, TEACHER, temperature=2.0).item() == pytest.approx(wanted, rel=1e-5)


def test_the_mean_is_over_pictures_not_over_classes() -> None:
    both = torch.cat([STUDENT, TEACHER]), torch.cat([TEACHER, TEACHER])
    assert soft_loss(*both, temperature=1.0).item() == pytest.approx(KL / 2)


def test_hard_takes_the_teachers_choice_for_the_label() -> None:
    assert hard_loss(STUDENT, TEACHER).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (Distillation.SOFT, 0.9 * math.log(2) + 0.1 * KL),
        (Distillation.HARD, (math.log(2) + math.log(4)) / 2),
    ],
)
def test_one_head_meets_both(kind: Distillation, wanted: float) -> None:
    config = DistillationConfig(kind=kind, temperature=1.0)
    assert distillation_loss(STUDENT[None], LABEL, TEACHER, config).item() == pytest.approx(wanted)


def test_with_two_heads_the_first_meets_the_label_and_the_second_the_teacher() -> None:
    heads = torch.stack([STUDENT, TEACHER])
    found = distillation_loss(heads, LABEL, TEACHER, DistillationConfig(kind=Distillation.HARD))
    assert found.item() == pytest.approx((math.log(2) - math.log(0.6)) / 2)


def test_the_papers_numbers_are_the_defaults() -> None:
    assert (DistillationConfig().temperature, DistillationConfig().share) == (3.0, 0.1)


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match=r"temperature 0 and share 0\.1: expected over 0"):
        DistillationConfig(temperature=0)
