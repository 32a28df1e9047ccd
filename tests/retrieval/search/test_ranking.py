from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.search.ranking import MOMENT_SHARE, MOMENTS_MOST, best_by_asset, find_moments, rank_assets, settled
from retrieval.types import Moment


def test_the_best_segment_counts_for_its_asset() -> None:
    best = best_by_asset(np.array([0.5, 0.75, 0.25, 1.0], np.float32), [1, 1, 2, None])
    assert best == {1: 0.75, 2: 0.25}


def test_an_asset_tied_with_the_last_segment_is_not_settled() -> None:
    assert settled({1: 0.9, 2: 0.5, 3: 0.5}, 0.5) == 1
    assert settled({1: 0.9}, -np.inf) == 1


def test_equal_assets_come_in_the_order_of_their_names() -> None:
    assert rank_assets({3: 0.5, 1: 0.5, 2: 0.9}, {1: b"/b", 2: b"/c", 3: b"/a"}) == [2, 3, 1]


def test_touching_segments_near_the_best_are_one_moment() -> None:
    times = np.array([[0, 2], [2, 4], [4, 6], [6, 8], [9, 10], [10, 11]], np.float32)
    chances = np.array([0.8, 1.0, 0.1, 0.9, 0.75, 0.2], np.float32)
    assert find_moments(times, chances) == [
        Moment(0, 4, pytest.approx(1.0)),
        Moment(6, 8, pytest.approx(0.9)),
        Moment(9, 10, pytest.approx(0.75)),
    ]


def test_equal_moments_come_in_the_order_of_time() -> None:
    times = np.array([[0, 1], [2, 3], [4, 5]], np.float32)
    moments = find_moments(times, np.ones(3, np.float32))
    assert [moment.start_seconds for moment in moments] == [0, 2, 4]


def test_no_segments_give_no_moments() -> None:
    assert find_moments(np.empty((0, 2), np.float32), np.empty(0, np.float32)) == []


@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(1, 3), st.integers(0, 1)), min_size=1, max_size=60))
def test_moments_cover_exactly_the_segments_near_the_best(segments: list[tuple[float, int, int]]) -> None:
    """Against a walk over the segments, one by one."""
    clock, spans = 0, []
    for _, length, gap in segments:
        spans.append((clock, clock + length))
        clock += length + gap
    chances = np.array([chance for chance, _, _ in segments], np.float32)
    expected: list[list[float]] = []
    for (start, end), chance in zip(spans, chances, strict=True):
        if chance < np.float32(MOMENT_SHARE) * chances.max():
            continue
        if expected and expected[-1][1] == start:
            expected[-1][1:] = [end, max(chance, expected[-1][2])]
        else:
            expected.append([start, end, chance])
    expected.sort(key=lambda moment: (-moment[2], moment[0]))
    moments = find_moments(np.array(spans, np.float32), chances)
    assert [[m.start_seconds, m.end_seconds, m.score] for m in moments] == expected[:MOMENTS_MOST]


FRAMES_OF_SHOTS = np.array([[0, 1], [1, 2], [2, 4.3], [4.3, 5], [5, 6], [6, 7]], np.float32)
BEGINS = np.array([True, False, False, True, False, False])


def test_a_frame_brings_its_whole_short_shot() -> None:
    """Its camera moved, so that one look of three fits."""
    chances = np.array([0.1, 0.9, 0.0, 0.2, 0.1, 0.2], np.float32)
    assert find_moments(FRAMES_OF_SHOTS, chances, BEGINS) == [Moment(0, pytest.approx(4.3), pytest.approx(0.9))]


def test_shots_that_touch_and_fit_are_one_moment() -> None:
    chances = np.array([0.1, 0.9, 0.0, 0.2, 0.8, 0.2], np.float32)
    assert find_moments(FRAMES_OF_SHOTS, chances, BEGINS) == [Moment(0, 7, pytest.approx(0.9))]


def test_in_a_long_shot_a_moment_begins_and_ends_between_two_looks() -> None:
    times = np.stack([np.arange(40), np.arange(40) + 1], axis=1).astype(np.float32)
    chances = np.zeros(40, np.float32)
    chances[10:15] = 0.9
    begins = np.arange(40) == 0
    assert find_moments(times, chances, begins) == [Moment(9.5, 14.5, pytest.approx(0.9))]
    assert find_moments(times, np.ones(40, np.float32), begins) == [Moment(0, 40, 1)]


def test_after_frames_that_were_merged_the_last_look_before_was_a_second_ago() -> None:
    times = np.array([[0, 10], [10, 13], [13, 23]], np.float32)
    begins = np.array([True, False, False])
    assert find_moments(times, np.array([0, 0.9, 0.1]), begins) == [Moment(9.5, 12.5, pytest.approx(0.9))]


def test_a_moment_of_one_short_look_is_never_of_no_length() -> None:
    times = np.array([[0, 20], [20, 20.3], [20.3, 40]], np.float32)
    (moment,) = find_moments(times, np.array([0, 0.9, 0]), np.array([True, False, False]))
    assert moment.start_seconds < moment.end_seconds


def test_without_frames_there_are_no_shots() -> None:
    assert find_moments(np.empty((0, 2), np.float32), np.empty(0, np.float32), np.empty(0, np.bool_)) == []
