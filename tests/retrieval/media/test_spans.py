from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.media.spans import Look, kept_frames
from retrieval.settings import SamplingSettings
from retrieval.types import Frame

SAMPLING = SamplingSettings(merge_difference=6.0, longest_span_seconds=10.0)


def look(time: float, grey: int, is_cut: bool = False) -> Look:
    return Look(time, np.full((16, 16, 3), grey, np.uint8), is_cut)


def spans(frames: list[Frame]) -> list[tuple[float, float]]:
    return [(frame.span.start_seconds, frame.span.end_seconds) for frame in frames if frame.span is not None]


def test_near_identical_neighbours_are_one_frame() -> None:
    looks = [look(0, 10), look(1, 12), look(2, 14), look(3, 100), look(4, 101)]
    frames = list(kept_frames(iter(looks), SAMPLING, lambda: 5.0))
    assert spans(frames) == [(0, 3), (3, 5)]
    assert [int(frame.pixels[0, 0, 0]) for frame in frames] == [10, 100]


def test_slow_drift_is_not_one_frame_for_ever() -> None:
    looks = [look(time, 10 + 4 * time) for time in range(5)]  # each like the last, not like the first
    assert spans(list(kept_frames(iter(looks), SAMPLING, lambda: 5.0))) == [(0, 2), (2, 4), (4, 5)]


def test_no_span_crosses_a_cut_between_alike_shots() -> None:
    looks = [look(0, 10), look(1, 10), look(1.5, 10, is_cut=True)]
    assert spans(list(kept_frames(iter(looks), SAMPLING, lambda: 3.0))) == [(0, 1.5), (1.5, 3)]


def test_a_still_picture_is_looked_at_afresh_at_the_longest_span() -> None:
    looks = [look(time, 10) for time in range(25)]
    frames = list(kept_frames(iter(looks), SAMPLING, lambda: 25.0))
    assert spans(frames) == [(0, 10), (10, 20), (20, 25)]


def test_a_long_hold_is_cut_into_pieces_of_the_same_picture() -> None:
    frames = list(kept_frames(iter([look(0, 10), look(24, 90)]), SAMPLING, lambda: 25.0))
    assert spans(frames) == [(0, 10), (10, 20), (20, 24), (24, 25)]
    assert [frame.time_seconds for frame in frames] == [0, 10, 20, 24]


def test_a_frame_comes_as_soon_as_the_next_is_known() -> None:
    pulled: list[float] = []

    def looks():  # type: ignore[no-untyped-def]
        for time in range(5):
            pulled.append(time)
            yield look(time, 50 * (time % 2))

    frames = kept_frames(looks(), SAMPLING, lambda: 5.0)
    next(frames)
    assert pulled == [0, 1]


@given(
    st.lists(st.tuples(st.floats(0.04, 40), st.integers(0, 255), st.booleans()), min_size=1, max_size=30),
    st.floats(0, 40),
)
def test_spans_follow_each_other_whatever_comes(steps: list[tuple[float, int, bool]], rest: float) -> None:
    times = np.cumsum([step for step, _, _ in steps]).tolist()
    looks = [look(time, grey, cut) for time, (_, grey, cut) in zip(times, steps, strict=True)]
    frames = list(kept_frames(iter(looks), SAMPLING, lambda: times[-1] + rest))
    found = spans(frames)
    assert found[0][0] == 0
    assert found[-1][1] == times[-1] + rest
    assert all(left[1] == right[0] for left, right in pairwise(found))
    assert all(end - start <= SAMPLING.longest_span_seconds + 1e-9 for start, end in found)
    starts = {start for start, _ in found}
    assert all(one.time_seconds in starts for one in looks[1:] if one.is_cut)
    assert all(frame.time_seconds == pytest.approx(frame.time_seconds) for frame in frames)
