"""The solver against what is known of its solution, and against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from retrieval.models.classifier_files import HeadWeights
from retrieval.training.classifier.features import FeatureSet
from retrieval.training.classifier.head import train_linear_head
from retrieval.training.classifier.logistic import Scaling, cross_entropy, fit_logistic, fit_temperature
from retrieval.training.classifier.mlp_head import train_mlp_head

ROWS, WIDTH, CLASSES = 300, 12, 4


def clouds(seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.arange(ROWS) % CLASSES
    middles = np.random.default_rng(9).normal(size=(CLASSES, WIDTH)) * 0.9
    return (middles[labels] + rng.normal(0, spread, (ROWS, WIDTH))).astype(np.float32), labels


def test_the_gradient_is_nothing_at_the_solution() -> None:
    features, labels = clouds(0)
    penalty = 1e-2
    found = fit_logistic(features, labels, CLASSES, penalty)
    weight, bias = (torch.tensor(array[0], requires_grad=True) for array in (found.weights, found.biases))
    loss = F.cross_entropy(torch.from_numpy(features) @ weight.T + bias, torch.from_numpy(labels))
    (loss + penalty / 2 * weight.square().sum()).backward()
    assert weight.grad is not None
    assert bias.grad is not None
    assert float(weight.grad.norm() + bias.grad.norm()) < 5e-4


def test_a_start_elsewhere_ends_at_the_same_place() -> None:
    features, labels = clouds(0)
    first = fit_logistic(features, labels, CLASSES, 1e-2)
    again = fit_logistic(features, labels, CLASSES, 1e-2, fit_logistic(features, labels, CLASSES, 1.0))
    np.testing.assert_allclose(first.weights[0], again.weights[0], atol=0.02)


def test_a_scaled_layer_reads_features_as_they_are() -> None:
    features, _ = clouds(1)
    features[:, 3] = 7  # never varies
    scaling = Scaling.of(features * 50 + 3)
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(CLASSES, WIDTH)).astype(np.float32), np.ones(CLASSES, np.float32)
    direct = HeadWeights(*((part,) for part in scaling.unscaled(weight, bias)))
    wanted = scaling.scaled(features * 50 + 3) @ weight.T + bias
    np.testing.assert_allclose(direct.logits(features * 50 + 3), wanted, atol=1e-3)


def test_the_temperature_of_chances_that_are_right_is_one() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (rng.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(logits, labels) == pytest.approx(1, abs=0.06)
    assert fit_temperature(4 * logits, labels) == pytest.approx(4, rel=0.06)


def test_few_pictures_told_right_are_no_certainty() -> None:
    logits = np.eye(2)[[0, 1, 0, 1]] * 5.0
    labels = np.array([0, 1, 0, 1])
    best = np.exp(-cross_entropy(logits / fit_temperature(logits, labels), labels))
    assert best == pytest.approx(5 / 6, abs=0.02)


@pytest.mark.parametrize("train", [train_linear_head, train_mlp_head], ids=["linear", "mlp"])
def test_a_head_says_of_itself_what_others_find(train: object) -> None:
    features, labels = clouds(0)
    data = FeatureSet(np.stack([features, features], axis=1), labels, tuple("abcd"))
    head = train(data, seed=0, say=lambda line: None)  # type: ignore[operator]
    others, truth = clouds(1)
    found = float((head.weights.logits(others).argmax(axis=1) == truth).mean())
    assert 0.7 < found < 1
    assert head.accuracy == pytest.approx(found, abs=0.06)
    assert len(head.labels) == ROWS
    assert {"dev_loss", "dev_accuracy"} < set(head.curve[0])


@pytest.mark.parametrize("train", [train_linear_head, train_mlp_head], ids=["linear", "mlp"])
def test_the_same_seed_gives_the_same_head(train: object) -> None:
    features, labels = clouds(0)
    data = FeatureSet(features[:, None], labels, tuple("abcd"))
    first, again = (train(data, seed=2, say=lambda line: None) for _ in range(2))  # type: ignore[operator]
    assert all(np.array_equal(a, b) for a, b in zip(first.weights.weights, again.weights.weights, strict=True))
