"""Several rankings as one: by reciprocal rank, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.search.fusion import Ranked, Ranking, fuse
from retrieval.search.results import Reason
from retrieval.store.lookup import LiveAsset
from retrieval.types import MediaKind

ASSETS = [LiveAsset(number, MediaKind.PICTURE, (b"/%03d" % number,)) for number in range(300)]
FRAMES = Ranking("frames", ASSETS, dict(enumerate(np.linspace(0.9, 0.1, 300).tolist())))


def ids(ranked: list[Ranked]) -> list[int]:
    return [each.asset.id for each in ranked]


def words(*numbers: int, source: str = "caption", weight: float = 1.0) -> Ranking:
    return Ranking(source, [ASSETS[n] for n in numbers], dict.fromkeys(numbers, 0.95), set(numbers), weight)


def test_one_ranking_keeps_its_order() -> None:
    alone = fuse([FRAMES], 0.5)
    assert ids(alone) == list(range(300))
    assert {each.why for each in alone} == {(Reason("frames", 1.0),)}
    assert alone[299].chance == pytest.approx(0.1)
    assert fuse([], 0.5) == []


def test_ranks_are_joined_by_their_reciprocals() -> None:
    joined = fuse([FRAMES, words(250, 5)], 0.5)
    # 1/61 at rank 250 by frames, which counts no more; 1/62 + 1/66; then the frames alone.
    assert ids(joined)[:3] == [5, 0, 250]
    assert sorted(ids(joined)) == list(range(300))
    assert {each.chance for each in joined if each.asset.id in (5, 250)} == {0.95}
    (five, *_) = joined
    assert [(reason.source, reason.share) for reason in five.why] == [
        ("caption", pytest.approx(66 / 128)),
        ("frames", pytest.approx(62 / 128)),
    ]


def test_a_weight_of_a_half_counts_half() -> None:
    joined = fuse([FRAMES, words(250, source="speech", weight=0.5)], 0.5)
    # 0.5/61 lies between 1/121 and 1/122.
    assert ids(joined)[60:63] == [60, 61, 250]
    (hit,) = fuse([words(1), words(1, source="speech", weight=0.5)], 0.5)
    assert [reason.share for reason in hit.why] == pytest.approx([2 / 3, 1 / 3])


def test_what_fits_by_its_own_rule_fits_whatever_the_space_asks_for() -> None:
    assert [each.chance for each in fuse([words(3)], 0.97)] == [0.97]
    weak = Ranking("speech", [ASSETS[3]], {3: 0.4})
    assert [each.chance for each in fuse([weak], 0.97)] == [0.4]
