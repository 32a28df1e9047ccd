"""The model that comes with vidi fits what comes along: its experts, its picture space, and the words asked of it."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.experts.appearance import Appearance
from retrieval.experts.registry import time_experts
from retrieval.spaces.mmt import MMT_STARTER, MmtSpace
from retrieval.spaces.registry import get_space
from retrieval.types import FeatureTrack

MOST_BYTES = 25_000_000


@pytest.fixture(scope="module")
def space() -> MmtSpace:
    found = get_space("mmt/starter")
    assert isinstance(found, MmtSpace)
    return found


def test_it_knows_the_experts_of_today(space: MmtSpace) -> None:
    """A track of another version is passed over, and its expert would be missing for ever."""
    today = {expert.name: expert.version for expert in time_experts().present}
    assert space.expert_versions == {"appearance": Appearance.version} | today
    assert space.pictures is not None
    assert space.pictures.name == "starter"


def test_it_is_small_enough_to_come_along() -> None:
    assert sum(path.stat().st_size for path in MMT_STARTER.iterdir()) <= MOST_BYTES


def test_a_missing_expert_leaves_the_others_their_say(space: MmtSpace) -> None:
    times = np.stack([np.arange(8), np.arange(8) + 1], axis=1).astype(np.float32)
    features = np.abs(np.random.default_rng(1).normal(0, 0.4, (8, 1280))).astype(np.float16)
    windows, vectors = space.embed_video({"appearance": FeatureTrack(times, features)}, 8.0)
    assert len(windows) == 1
    assert np.isfinite(vectors).all()
    (shares,) = space.explain("a dog runs on grass", vectors)
    assert {share.expert for share in shares if share.agreement} == {"appearance"}
