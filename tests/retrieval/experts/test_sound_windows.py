"""Windows are cut round each row's time, from sound that comes in pieces, late, and with gaps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.experts.over_time import TimeExpert
from retrieval.experts.sound_windows import SoundWindows, WindowsReading
from retrieval.media.pieces import SOUND_RATE, SoundPiece
from retrieval.types import Float32Array

from .conftest import pieces


class Ends:
    """A network whose features are the first and the last sample, and how many are not silent, in seconds."""

    dim = 3

    def __init__(self, window_seconds: float, row_seconds: int) -> None:
        self.window_samples = round(window_seconds * SOUND_RATE)
        self.row_seconds = row_seconds
        self.batches: list[int] = []

    def load(self) -> None: ...

    def __call__(self, windows: Float32Array) -> Float32Array:
        assert windows.shape[1] == self.window_samples
        self.batches.append(len(windows))
        loud = (windows != 0).sum(axis=1) / SOUND_RATE
        return np.stack([windows[:, 0], windows[:, -1], loud], axis=1)


def counting(seconds: float) -> NDArray[np.int16]:
    """Sound whose sample of a second k is k + 1."""
    return (np.arange(round(seconds * SOUND_RATE)) // SOUND_RATE + 1).astype(np.int16)


def read(net: Ends, sound: list[SoundPiece], seconds: float) -> tuple[list[list[float]], Float32Array]:
    reading = SoundWindows("audio", "1", "audio", net).begin()
    for piece in sound:
        reading.add(piece)
    track = reading.finish(seconds).track
    features = track.features.astype(np.float32) * [32768, 32768, 1]
    return track.times.tolist(), features.round(2)


def test_a_row_lies_in_the_middle_of_its_window() -> None:
    net = Ends(10.0, 5)
    assert isinstance(SoundWindows("audio", "1", "audio", net), TimeExpert)

    times, rows = read(net, pieces(counting(20), seconds=3.0), 20.0)

    assert times == [[0, 5], [5, 10], [10, 15], [15, 20]]
    assert rows.tolist() == [[0, 8, 7.5], [3, 13, 10], [8, 18, 10], [13, 0, 7.5]]


def test_a_window_may_be_shorter_than_its_row() -> None:
    times, rows = read(Ends(0.975, 1), pieces(counting(3)), 3.0)

    assert times == [[0, 1], [1, 2], [2, 3]]
    assert rows[:, :2].tolist() == [[1, 1], [2, 2], [3, 3]]


def test_sound_that_starts_late_and_has_a_gap_keeps_its_times() -> None:
    late = [*pieces(counting(2), 7.0), *pieces(counting(2), 31.0)]

    times, rows = read(Ends(10.0, 5), late, 40.0)

    assert times == [[5, 9], [30, 33]]
    assert rows[:, 2].tolist() == [2, 2]


def test_a_rest_of_a_few_milliseconds_gets_no_row() -> None:
    assert read(Ends(1.0, 1), pieces(counting(2.05)), 2.05)[0] == [[0, 1], [1, 2]]
    assert read(Ends(1.0, 1), pieces(counting(2.5)), 2.5)[0][-1] == [2, 2.5]
    assert read(Ends(1.0, 1), [], 2.5)[0] == []


@pytest.mark.parametrize(("window", "row"), [(10.0, 5), (1.0, 1), (10.24, 5)])
def test_long_sound_is_heard_in_little_memory_and_small_batches(window: float, row: int) -> None:
    net = Ends(window, row)
    reading = WindowsReading(net)
    held = 0
    for piece in pieces(counting(120)):
        reading.add(piece)
        held = max(held, len(reading._blocks) * row + len(reading._waiting) * round(window))

    assert len(reading.finish(120.0).track) == 120 // row
    assert held <= 70
    assert max(net.batches) <= 4
