"""Sound on the timeline of its file, whatever the stamps of its frames say."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from retrieval.media.files import open_media
from retrieval.media.pieces import SOUND_RATE, MediaPiece, SoundPiece, Stream
from retrieval.media.sound import SoundReader
from retrieval.media.video import VideoSummary, sample_open_video
from retrieval.settings import MediaLimits, SamplingSettings

from .conftest import MediaMaker

LENGTH = 0.1
HOUR = 3600.0
Stamps = list[float | None]


def frame(told: float | None, level: int) -> av.AudioFrame:
    samples = np.full((1, round(LENGTH * SOUND_RATE)), level, np.int16)
    made = av.AudioFrame.from_ndarray(samples, "s16", "mono")
    made.sample_rate = SOUND_RATE
    if told is not None:
        made.pts, made.time_base = round(told * 1000), Fraction(1, 1000)
    return made


def heard(*parts: Stamps, limit: float = 24 * HOUR) -> tuple[NDArray[np.int16], int]:
    """The file's sound on its timeline, to the tenth of a second: the number of each frame, from 1; 0 where none is."""
    stamps = [told for part in parts for told in part]
    pieces: list[SoundPiece] = []
    stream: Any = SimpleNamespace(codec_context=SimpleNamespace(decode=lambda packet: [packet] if packet else []))
    reader = SoundReader(stream, 0.0, limit, pieces.append)
    for number, told in enumerate(stamps, start=1):
        reader.take(frame(told, number))  # type: ignore[arg-type]
    reader.finish()
    for earlier, later in pairwise(pieces):
        assert later.start_seconds >= earlier.end_seconds - 1e-6
    whole = np.zeros(round(pieces[-1].end_seconds * SOUND_RATE), np.int16)
    for piece in pieces:
        start = round(piece.start_seconds * SOUND_RATE)
        whole[start : start + len(piece.samples)] = piece.samples
    return whole[round(LENGTH * SOUND_RATE) // 2 :: round(LENGTH * SOUND_RATE)], reader.damage


def steady(start: float, count: int) -> Stamps:
    return [start + number * LENGTH for number in range(count)]


def test_each_frame_lies_where_its_stamp_says() -> None:
    places, damage = heard(steady(0, 30), steady(5, 10))
    assert places.tolist() == [*range(1, 31), *[0] * 20, *range(31, 41)]
    assert damage == 0


@pytest.mark.parametrize(
    "wild",
    [
        pytest.param([3 * HOUR], id="hours ahead"),
        pytest.param([9.0], id="seconds ahead"),
        pytest.param([0.0], id="at the start again"),
        pytest.param([-3 * HOUR], id="before the start"),
        pytest.param([30 * HOUR], id="past the limit"),
        pytest.param(steady(3 * HOUR, 4), id="a packet of several frames"),
        pytest.param(steady(30 * HOUR, 4), id="several past the limit"),
        pytest.param([3 * HOUR, 0.0, 5 * HOUR], id="no two alike"),
        pytest.param([3 * HOUR, 30 * HOUR], id="both"),
    ],
)
def test_a_wild_stamp_moves_nothing_and_is_counted(wild: Stamps) -> None:
    places, damage = heard(steady(0, 30), wild, steady(3 + len(wild) * LENGTH, 30))
    assert places.tolist() == list(range(1, 61 + len(wild)))
    assert damage == len(wild)


def test_a_wild_stamp_at_the_end_adds_no_hours() -> None:
    places, damage = heard(steady(0, 30), [3 * HOUR])
    assert (places.tolist(), damage) == (list(range(1, 32)), 1)


def test_a_clock_that_is_set_back_goes_on_from_here() -> None:
    places, damage = heard(steady(0, 30), steady(0, 20), steady(0, 20))
    assert (places.tolist(), damage) == (list(range(1, 71)), 0)


def test_a_wild_stamp_right_after_the_clock_was_set_back_does_not_hide_that() -> None:
    places, damage = heard(steady(0, 30), steady(0, 10), [3 * HOUR], steady(1.1, 10))
    assert (places.tolist(), damage) == (list(range(1, 52)), 1)


def test_a_last_part_that_is_short_is_believed_where_it_follows_itself() -> None:
    places, damage = heard(steady(0, 10), steady(3, 2))
    assert (places.tolist(), damage) == ([*range(1, 11), *[0] * 20, 11, 12], 0)


def test_frames_without_stamps_go_on_from_those_before() -> None:
    places, damage = heard(steady(0, 10), [None] * 5, [5.0], [None] * 9)
    assert (places.tolist(), damage) == ([*range(1, 16), *[0] * 35, *range(16, 26)], 0)


def test_one_stamp_for_all_loses_nothing() -> None:
    places, damage = heard([0.0] * 60)
    assert places.tolist() == list(range(1, 61))
    assert damage <= 1  # the last, after which nothing comes


def test_sound_past_the_limit_is_not_heard() -> None:
    places, damage = heard(steady(0, 30), steady(3, 30), limit=4)
    assert len(places) == pytest.approx(41, abs=1)
    assert damage > 0


def test_a_wild_stamp_in_a_film_is_told(make: MediaMaker, limits: MediaLimits) -> None:
    path = make.folder / "wild.mkv"
    with av.open(path, "w", options={"live": "1"}) as container:  # whose header promises no hours
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=SOUND_RATE, layout="mono")
        for number in range(100):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
            sound = av.AudioFrame.from_ndarray(np.full((1, 640), 5000, np.int16), "s16", "mono")
            sound.sample_rate, sound.pts = SOUND_RATE, number * 640
            for packet in audio.encode(sound):
                packet.pts += 3 * 3600 * SOUND_RATE if number == 40 else 0
                container.mux(packet)
        container.mux(video.encode())
    pieces: list[MediaPiece] = []
    summary = _decoded(path, limits, pieces)
    assert summary.note == (
        "damaged: 1 pieces of sound bear a time that can't be, and were taken to follow what came before"
    )
    last = pieces[-1]
    assert isinstance(last, SoundPiece)
    assert last.end_seconds == pytest.approx(4, abs=0.1)


def _decoded(path: Path, limits: MediaLimits, pieces: list[MediaPiece]) -> VideoSummary:
    with open_media(path) as media:
        generator = sample_open_video(
            media, SamplingSettings(), limits, streams=frozenset({Stream.SOUND}), emit=pieces.append
        )
        while True:
            try:
                next(generator)
            except StopIteration as end:
                return end.value
