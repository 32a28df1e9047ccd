"""The map of a score: against the closed form, and its own sum."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.search.heat import class_activation


@pytest.fixture
def feature_map() -> NDArray[np.float32]:
    return np.random.default_rng(0).gamma(0.3, size=(12, 3, 4)).astype(np.float32)


def test_of_a_linear_head_it_is_the_weighted_sum_of_the_maps(feature_map: NDArray[np.float32]) -> None:
    weights = np.random.default_rng(1).normal(size=12).astype(np.float32)
    expected = np.maximum(np.einsum("c,chw->hw", weights, feature_map), 0)
    found = class_activation(feature_map, lambda features: features @ weights)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_it_adds_up_to_what_the_score_gained(feature_map: NDArray[np.float32]) -> None:
    found = class_activation(feature_map, lambda features: (features**2).sum(axis=1))  # no place speaks against
    features = feature_map.mean(axis=(1, 2))
    np.testing.assert_allclose(found.mean(), (features**2).sum(), rtol=1e-3)


def _cosine(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """With the first axis."""
    return features[:, 0] / np.linalg.norm(features, axis=1)


def test_a_subject_that_fills_the_picture_is_hot_all_over() -> None:
    everywhere = np.ones((2, 4, 4), np.float32) + np.linspace(0, 0.1, 16, dtype=np.float32).reshape(4, 4)
    found = class_activation(everywhere, lambda features: _cosine(features))
    assert found.min() > 0.8 * found.max()


def test_where_nothing_speaks_for_it_there_is_no_heat() -> None:
    silent = np.zeros((3, 2, 2), np.float32)
    assert not class_activation(silent, lambda features: features.sum(axis=1)).any()
    assert not class_activation(silent + 1, lambda features: -features.sum(axis=1)).any()
