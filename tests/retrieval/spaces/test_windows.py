from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.spaces.windows import WINDOWS, cut_windows, segmentation_over, shot_borders
from retrieval.types import Span


def spans(end: float, *borders: float) -> list[tuple[float, float]]:
    return [(window.start_seconds, window.end_seconds) for window in cut_windows(end, borders)]


def test_a_short_video_is_one_window() -> None:
    assert spans(29.5, 3.0, 17.0) == [(0, 29.5)]
    assert spans(30.0) == [(0, 30)]


def test_without_shots_windows_overlap_by_half() -> None:
    assert spans(70.0) == [(0, 30), (15, 45), (30, 60), (45, 70)]


def test_windows_begin_and_end_on_shot_borders_where_they_are() -> None:
    assert spans(60.0, 12.0, 27.0, 40.0, 52.0) == [(0, 27), (12, 40), (26, 52), (39, 60)]


def test_nothing_has_no_windows() -> None:
    assert spans(0.0) == []


@given(
    st.floats(0.1, 2000),
    st.lists(st.floats(0, 2000), max_size=200).map(sorted),
)
def test_windows_cover_the_video_and_seven_seconds_lie_whole_in_one(end: float, borders: list[float]) -> None:
    windows = list(cut_windows(end, borders))

    assert windows[0].start_seconds == 0
    assert windows[-1].end_seconds == end
    assert all(0 < window.end_seconds - window.start_seconds <= 30 + 1e-9 for window in windows)
    for before, after in pairwise(windows):
        assert before.start_seconds < after.start_seconds
        # What begins before the next window does, and lasts 7.5 s, ends within this one.
        assert before.end_seconds - after.start_seconds >= 7.5 - 1e-6
    assert len(windows) <= 2 + end / 3.75


def test_ten_hours_are_some_thousand_windows() -> None:
    assert len(list(cut_windows(36_000))) == 2399


def test_shots_end_where_neighbouring_frames_look_unlike() -> None:
    first, second = np.eye(4, dtype=np.float32)[:2]
    vectors = np.stack([first, first + 0.1 * second, second, second])
    times = np.array([[0, 2], [2, 4], [4, 9], [9, 12]], np.float32)

    assert shot_borders(times, vectors) == [4.0]
    assert shot_borders(times[:1], vectors[:1]) == []
    assert shot_borders(times, np.zeros((4, 4), np.float32)) == [2.0, 4.0, 9.0]


def test_a_window_is_a_span() -> None:
    (window,) = cut_windows(10.0)

    assert isinstance(window, Span)
    with pytest.raises(AttributeError):
        window.start_seconds = 1.0  # type: ignore[misc]


def test_each_picture_space_and_version_has_a_cut_of_its_own() -> None:
    seen = [("starter", "cb757d1ae77d"), ("starter", "2"), ("open_clip/a", "2"), ("open_clip/" + 200 * "a", "2"), None]
    cuts = [segmentation_over(pictures) for pictures in seen]
    assert cuts[0] == WINDOWS  # libraries that were cut before go on
    assert len(set(cuts)) == len(cuts)
    assert all(method == "windows" and len(version) <= 64 for method, version in cuts)
