from __future__ import annotations

import numpy as np
import pytest

from retrieval.search.tags import ClassTags
from retrieval.types import FeatureTrack, Moment

CAT, ZEBRA, WINDSOR_TIE = 281, 340, 906


def _track(*frames: tuple[float, float, dict[int, float]]) -> FeatureTrack:
    rows = []
    for _, _, probabilities in frames:
        padded = {**probabilities, **dict.fromkeys(range(100, 110), 0.0)}
        classes = list(padded)[:10]
        rows.append([*classes, *(padded[index] for index in classes)])
    times = np.array([(start, end) for start, end, _ in frames], np.float32)
    return FeatureTrack(times, np.array(rows, np.float16))


def test_sure_classes_become_tags_as_people_call_them() -> None:
    tags = ClassTags().of(_track((0, 0, {CAT: 0.98, ZEBRA: 0.02})), None)
    assert [tag.label for tag in tags] == ["cat", "tabby cat"]
    assert all(tag.source == "imagenet" and 0.7 <= tag.score < 1 for tag in tags)


def test_nothing_is_said_that_would_embarrass() -> None:
    assert ClassTags().of(_track((0, 0, {WINDSOR_TIE: 1.0})), None) == ()


def test_only_the_frames_of_the_moment_count() -> None:
    track = _track((0, 1, {CAT: 0.98}), (1, 2, {ZEBRA: 0.98}), (2, 3, {ZEBRA: 0.02}))
    tags = ClassTags().of(track, Moment(1, 3, 0.9))
    assert [tag.label for tag in tags] == ["zebra"]


def test_no_frames_give_no_tags() -> None:
    assert ClassTags().of(_track((0, 1, {CAT: 1.0})), Moment(5, 6, 0.9)) == ()


def test_a_track_of_another_make_gives_no_tags() -> None:
    track = FeatureTrack(np.zeros((1, 2), np.float32), np.ones((1, 6), np.float16))
    assert ClassTags().of(track, None) == ()


@pytest.mark.parametrize("number", [-1.0, 1000.0, np.nan, np.inf])
def test_a_damaged_track_gives_no_tags(number: float) -> None:
    features = np.concatenate([np.full((1, 10), number), np.ones((1, 10))], axis=1, dtype=np.float16)
    assert ClassTags().of(FeatureTrack(np.zeros((1, 2), np.float32), features), None) == ()
