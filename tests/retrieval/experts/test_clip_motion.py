"""Clips are cut round each second, from frames that come in pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.experts.clip_motion import ClipMotion, ClipReading
from retrieval.experts.over_time import ReadsClips, TimeExpert, sampling_for
from retrieval.media.pieces import CLIP_RATE, ClipFrames
from retrieval.models.video_nets import VIDEO_NETS
from retrieval.settings import SamplingSettings
from retrieval.types import ClipForm, Float32Array


class FirstAndLast:
    """A network whose features are the numbers of a clip's first and last frame."""

    def __init__(self, frames: int, rate: float) -> None:
        self.kind = replace(VIDEO_NETS["r2plus1d_18"], dim=2, frames=frames, rate=rate)
        self.batches: list[int] = []

    def load(self) -> None: ...

    def __call__(self, clips: NDArray[np.uint8]) -> Float32Array:
        assert clips.shape[1] == self.kind.frames
        self.batches.append(len(clips))
        numbers = clips[:, :, 0, 0, 0].astype(np.float32) * 256 + clips[:, :, 0, 0, 1]
        return numbers[:, [0, -1]]


def numbered(count: int, pieces: int = CLIP_RATE) -> list[ClipFrames]:
    """Frames whose colour is their number."""
    frames = np.array([[[[number // 256, number % 256, 0]]] for number in range(count)], np.uint8)
    return [ClipFrames(at / CLIP_RATE, frames[at : at + pieces]) for at in range(0, count, pieces)]


def read(net: FirstAndLast, pieces: list[ClipFrames], seconds: float) -> tuple[list[list[float]], list[list[float]]]:
    reading = ClipMotion("motion", "1", "motion", net).begin()
    for piece in pieces:
        reading.add(piece)
    track = reading.finish(seconds).track
    return track.times.tolist(), track.features.tolist()


def test_a_second_lies_in_the_middle_of_its_clip() -> None:
    times, rows = read(FirstAndLast(16, 15), numbered(4 * CLIP_RATE), 4.0)

    assert times == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert rows == [[0, 14], [14, 29], [29, 44], [44, 59]]


@pytest.mark.parametrize("pieces", [1, 3, 15])
def test_at_half_the_rate_every_second_frame_is_taken(pieces: int) -> None:
    _, rows = read(FirstAndLast(16, 7.5), numbered(5 * CLIP_RATE, pieces), 5.0)

    assert rows == [[0, 21], [6, 36], [21, 51], [36, 66], [51, 74]]


@pytest.mark.parametrize("count", [1, 2, 14, 16])
def test_of_a_short_film_the_first_and_last_frame_stand_still(count: int) -> None:
    times, rows = read(FirstAndLast(32, 15), numbered(count), count / CLIP_RATE)

    assert times[0] == [0, pytest.approx(min(1.0, count / CLIP_RATE))]
    assert rows[0] == [0, count - 1]
    assert len(rows) == -(-count // CLIP_RATE)


def test_a_sound_has_a_track_of_no_rows() -> None:
    assert read(FirstAndLast(16, 15), [], 3.0) == ([], [])


def test_a_long_film_is_read_in_little_memory_and_small_batches() -> None:
    net = FirstAndLast(16, 7.5)
    reading = ClipReading(net)
    held = 0
    for piece in numbered(60 * CLIP_RATE):
        reading.add(piece)
        held = max(held, len(reading._frames) + 16 * len(reading._waiting))

    assert len(reading.finish(60.0).track) == 60
    assert held < 150
    assert max(net.batches) <= 4


def test_a_run_decodes_in_the_form_that_the_network_wants() -> None:
    expert = ClipMotion("motion", "1", "motion", FirstAndLast(16, 15))
    usual = SamplingSettings()

    assert isinstance(expert, TimeExpert)
    assert isinstance(expert, ReadsClips)
    assert sampling_for([], usual) == usual
    large = ClipMotion("motion", "1", "motion", FirstAndLast(16, 15))
    large._net.kind = VIDEO_NETS["s3d"]  # type: ignore[misc]
    assert sampling_for([large], usual).clips == VIDEO_NETS["s3d"].form != ClipForm()
