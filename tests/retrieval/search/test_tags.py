from __future__ import annotations

import numpy as np
import pytest

from retrieval.search.tags import ClassTags
from retrieval.types import FeatureTrack, Moment

TENCH, GOLDFISH = 0, 1


def _track(*frames: tuple[float, float, dict[int, float]]) -> FeatureTrack:
    rows = []
    for _, _, probabilities in frames:
        padded = {**probabilities, **dict.fromkeys(range(100, 110), 0.0)}
        classes = list(padded)[:10]
        rows.append([*classes, *(padded[index] for index in classes)])
    times = np.array([(start, end) for start, end, _ in frames], np.float32)
    return FeatureTrack(times, np.array(rows, np.float16))


def test_likely_classes_become_tags_likeliest_first() -> None:
    tags = ClassTags().of(_track((0, 0, {TENCH: 0.375, GOLDFISH: 0.5, 2: 0.125})), None)
    assert [(tag.label, tag.score, tag.source) for tag in tags] == [
        ("goldfish", 0.5, "classifier"),
        ("tench", 0.375, "classifier"),
    ]


def test_only_the_frames_of_the_moment_count() -> None:
    track = _track((0, 1, {TENCH: 1.0}), (1, 2, {GOLDFISH: 1.0}), (2, 3, {GOLDFISH: 0.5}))
    tags = ClassTags().of(track, Moment(1, 3, 0.9))
    assert [(tag.label, tag.score) for tag in tags] == [("goldfish", pytest.approx(0.75))]


def test_a_class_absent_from_a_frame_counts_as_nothing_there() -> None:
    track = _track((0, 1, {TENCH: 0.5}), (1, 2, {GOLDFISH: 0.8}))
    assert [tag.label for tag in ClassTags().of(track, Moment(0, 2, 0.9))] == ["goldfish"]


def test_no_frames_give_no_tags() -> None:
    assert ClassTags().of(_track((0, 1, {TENCH: 1.0})), Moment(5, 6, 0.9)) == ()


def test_a_track_of_another_make_gives_no_tags() -> None:
    track = FeatureTrack(np.zeros((1, 2), np.float32), np.ones((1, 6), np.float16))
    assert ClassTags().of(track, None) == ()


@pytest.mark.parametrize("number", [-1.0, 1000.0, np.nan, np.inf])
def test_a_damaged_track_gives_no_tags(number: float) -> None:
    features = np.concatenate([np.full((1, 10), number), np.ones((1, 10))], axis=1, dtype=np.float16)
    assert ClassTags().of(FeatureTrack(np.zeros((1, 2), np.float32), features), None) == ()
