"""A model of open_clip as a space: its facts, its own expert, and the chance that it gives without a calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from retrieval.experts.expert import FrameExpert
from retrieval.spaces.experts import expert_of
from retrieval.spaces.plain_chances import PlainChances
from retrieval.spaces.registry import get_space
from retrieval.spaces.space import Space
from retrieval.types import ResizeMode


def test_it_is_a_space_with_an_expert_of_its_own(tiny_models: dict[str, Any]) -> None:
    space = get_space(tiny_models["tiny-siglip"].space)
    assert isinstance(space, Space)
    expert = expert_of(space)
    assert isinstance(expert, FrameExpert)
    assert space.needs == (expert.name,) == ("open_clip/tiny-siglip",)
    assert (space.dim, space.normalized, space.languages) == (192, True, ("en",))
    assert expert.version == space.version
    assert expert.form is not None
    assert (expert.form.height, expert.form.resize) == (224, ResizeMode.SHORTEST)


def test_what_a_kept_track_says_becomes_a_vector_of_length_1(tiny_models: dict[str, Any]) -> None:
    space = get_space(tiny_models["tiny-vit"].space)
    expert = expert_of(space)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    output = expert.encode(pixels)
    kept = output.tracks()[expert.name]
    assert kept.dtype == np.float16
    again = space.embed_segments(expert.recall(kept.astype(np.float32)).rows)
    np.testing.assert_allclose(again, space.embed_segments(output.rows), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1, atol=1e-6)


def test_other_pixels_are_refused(tiny_models: dict[str, Any]) -> None:
    expert = expert_of(get_space(tiny_models["tiny-vit"].space))
    with pytest.raises(ValueError, match=r"pixels must be \[n, 64, 64, 3\] uint8, got \(1, 32, 64, 3\) uint8"):
        expert.encode(np.zeros((1, 32, 64, 3), np.uint8))


@pytest.mark.parametrize("chances", [PlainChances(), PlainChances.of(100.0, None), PlainChances.of(117.0, -12.9)])
def test_a_higher_cosine_never_has_a_lower_chance(chances: PlainChances) -> None:
    given = chances.chance(np.linspace(-1, 1, 401, dtype=np.float32))
    assert (np.diff(given) >= 0).all()
    assert given[0] < 0.01
    assert given[-1] > 0.99
    assert abs(float(chances.chance(np.array([chances.even], np.float32))[0]) - chances.threshold) < 1e-3


def test_a_sigmoid_model_is_taken_at_its_own_scale() -> None:
    assert PlainChances.of(117.0, -12.9).even == pytest.approx(0.055, abs=1e-3)
    assert PlainChances.of(100.0, None).even == 0.25
