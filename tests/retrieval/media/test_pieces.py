"""One decoding pass gives pairs, screens and sound beside the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.errors import BadMediaError
from retrieval.media.files import open_media
from retrieval.media.pieces import SOUND_RATE, FramePair, Piece, ScreenFrame, SoundPiece, Stream, stream_of
from retrieval.media.tasks import DecodedPiece, DecodeTask, Failed, Finished
from retrieval.media.video import VideoSummary, sample_open_video
from retrieval.media.worker import MediaWorkers
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaKind

from .conftest import MediaMaker

ALL = frozenset(Stream)
Decode = Callable[..., tuple[list[Piece], VideoSummary]]


@pytest.fixture
def decode(sampling: SamplingSettings, limits: MediaLimits) -> Decode:
    def run(path: Path, streams: frozenset[Stream] = ALL) -> tuple[list[Piece], VideoSummary]:
        pieces: list[Piece] = []
        with open_media(path) as media:
            generator = sample_open_video(media, sampling, limits, streams=streams, emit=pieces.append)
            while True:
                try:
                    pieces.append(next(generator))
                except StopIteration as end:
                    return pieces, end.value

    return run


def pairs(pieces: list[Piece]) -> list[FramePair]:
    return [piece for piece in pieces if isinstance(piece, FramePair)]


def screens(pieces: list[Piece]) -> list[ScreenFrame]:
    return [piece for piece in pieces if isinstance(piece, ScreenFrame)]


def sounds(pieces: list[Piece]) -> list[SoundPiece]:
    return [piece for piece in pieces if isinstance(piece, SoundPiece)]


def drift(make: MediaMaker, seconds: float) -> Iterator[NDArray[np.uint8]]:
    """One shot, drifting by a pixel every fourth of a second."""
    return (make.scene(3, drift=frame * 4 / make.rate) for frame in range(round(seconds * make.rate)))


@pytest.mark.parametrize(
    "options",
    [{"g": "250"}, {"g": "25", "bf": "3"}, {"g": "1"}, {"g": "12", "bf": "0"}],
    ids=["one key frame", "a key frame a second", "key frames alone", "no bidirectional frames"],
)
def test_a_pair_of_neighbours_is_found_each_second(make: MediaMaker, decode: Decode, options: dict[str, str]) -> None:
    path = make.video("film.mp4", drift(make, 6), options={"preset": "veryfast", **options})

    found = pairs(decode(path)[0])

    assert [int(pair.time_seconds) for pair in found] == [0, 1, 2, 3, 4, 5]
    assert all(0.06 <= pair.gap_seconds <= 0.5 for pair in found)
    assert {pair.before.shape for pair in found} == {(96, 160)}
    for pair in found:
        for pixels, time in ((pair.before, pair.time_seconds), (pair.after, pair.time_seconds + pair.gap_seconds)):
            expected = np.asarray(Image.fromarray(make.scene(3, drift=time * 4)).convert("L"), np.float64)
            assert np.abs(pixels - expected).mean() < 10


def test_pairs_change_no_frame(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mp4", make.shots(2, 3, 1.5), options={"preset": "veryfast", "g": "50"})

    alone, with_pairs = (
        [piece for piece in decode(path, streams)[0] if isinstance(piece, Frame)]
        for streams in (frozenset({Stream.FRAMES}), ALL)
    )

    assert [frame.span for frame in alone] == [frame.span for frame in with_pairs]
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(alone, with_pairs, strict=True))


def test_no_pair_lies_across_a_cut(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mp4", make.shots(0.96, 1.0, 1.0, 1.0))

    found = pairs(decode(path)[0])

    assert len(found) >= 3
    for pair in found:
        shots = [
            round((time - 0.96) * make.rate) // make.rate
            for time in (pair.time_seconds, pair.time_seconds + pair.gap_seconds)
        ]
        assert shots[0] == shots[1]


def test_a_rotated_video_gives_upright_pairs_and_screens(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mov", drift(make, 1), rotation=90)

    found = decode(path)[0]

    assert pairs(found)[0].before.shape == (160, 96)
    height, width = screens(found)[0].pixels.shape[:2]
    assert height > width


def test_a_screen_a_shot_unless_nothing_changed(make: MediaMaker, decode: Decode) -> None:
    still = [make.scene(1)] * (12 * make.rate)
    moving = list(make.shots(4, 4, 4))

    assert [screen.time_seconds for screen in screens(decode(make.video("still.mp4", still))[0])] == [0]
    times = [screen.time_seconds for screen in screens(decode(make.video("shots.mp4", moving))[0])]
    assert times == pytest.approx([0, 4, 8], abs=0.1)


def test_a_letter_more_is_another_screen(make: MediaMaker, decode: Decode) -> None:
    plain = make.scene(1)
    written = plain.copy()
    written[60:72, 30:60] = 255

    path = make.video("film.mp4", [plain] * 150 + [written] * 150)

    assert len(screens(decode(path)[0])) == 2


def test_sound_comes_whole_and_in_pieces(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mp4", drift(make, 7), sound_seconds=7)

    found = sounds(decode(path)[0])

    assert found[0].start_seconds == pytest.approx(0, abs=0.05)
    assert all(later.start_seconds == earlier.end_seconds for earlier, later in pairwise(found))
    assert found[-1].end_seconds == pytest.approx(7, abs=0.1)
    assert all(len(piece.samples) <= 5 * SOUND_RATE for piece in found)
    whole = np.concatenate([piece.samples for piece in found]).astype(float)
    loudest = np.abs(np.fft.rfft(whole)).argmax() * SOUND_RATE / len(whole)
    assert loudest == pytest.approx(44100 / 20 / (2 * np.pi), abs=2)  # the tone that was written


@pytest.mark.parametrize("name", ["sound.wav", "sound.flac", "sound.mp3"])
def test_a_sound_alone_is_decoded(make: MediaMaker, decode: Decode, name: str) -> None:
    codec = {"wav": "pcm_s16le", "flac": "flac", "mp3": "mp3"}[name.rpartition(".")[2]]
    path = make.sound(name, codec, seconds=6.5)

    pieces, summary = decode(path)

    assert {stream_of(piece) for piece in pieces} == {Stream.SOUND}
    assert sounds(pieces)[-1].end_seconds == pytest.approx(6.5, abs=0.1)
    assert summary.facts.kind is MediaKind.SOUND


def test_a_video_without_sound_gives_none_and_only_what_is_asked(make: MediaMaker, decode: Decode) -> None:
    silent = make.video("silent.mp4", drift(make, 2))
    loud = make.video("loud.mp4", drift(make, 2), sound_seconds=2)

    assert sounds(decode(silent)[0]) == []
    for stream in Stream:
        pieces, summary = decode(loud, frozenset({stream}))
        assert {stream_of(piece) for piece in pieces} == {stream}
        assert summary.facts.duration_seconds == pytest.approx(2, abs=0.05)


def test_one_frame_has_a_screen_and_no_pair(make: MediaMaker, decode: Decode) -> None:
    found = decode(make.video("one.mp4", [make.scene(1)]))[0]

    assert (len(pairs(found)), len(screens(found))) == (0, 1)


def test_five_frames_a_second_are_neighbours_and_one_in_a_second_is_not(make: MediaMaker, decode: Decode) -> None:
    slow = make.video("five.mkv", drift(make, 1), times=[number / 5 for number in range(25)])
    still = make.video("one.mkv", drift(make, 0.4), times=[float(number) for number in range(10)])

    assert [pair.gap_seconds for pair in pairs(decode(slow)[0])] == pytest.approx([0.2] * 5, abs=0.01)
    assert pairs(decode(still)[0]) == []


def test_a_clock_that_is_set_back_leaves_all_in_the_order_of_time(make: MediaMaker, decode: Decode) -> None:
    """Two recordings joined, each starting at 0."""
    parts = [make.video(f"{number}.ts", drift(make, 4), sound_seconds=4) for number in range(2)]
    joined = make.folder / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    pieces, summary = decode(joined)

    assert summary.facts.duration_seconds == pytest.approx(8, abs=0.3)
    for found in (
        [pair.time_seconds for pair in pairs(pieces)],
        [screen.time_seconds for screen in screens(pieces)],
        [piece.start_seconds for piece in sounds(pieces)],
    ):
        assert found == sorted(found)
    assert len(pairs(pieces)) >= 7
    assert sounds(pieces)[-1].end_seconds == pytest.approx(8, abs=0.4)


def test_sound_that_starts_late_keeps_its_time(make: MediaMaker, decode: Decode) -> None:
    path = make.folder / "late.mkv"
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=16000)
        for number in range(100):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
            if number >= 50:
                channels = len(audio.layout.channels)
                tone = np.full((1, 640 * channels), 5000, np.int16)
                frame = av.AudioFrame.from_ndarray(tone, "s16", audio.layout.name)
                frame.sample_rate, frame.pts = 16000, number * 640
                container.mux(audio.encode(frame))
        container.mux(video.encode())
        container.mux(audio.encode())

    found = sounds(decode(path)[0])

    assert found[0].start_seconds == pytest.approx(2, abs=0.05)
    assert found[-1].end_seconds == pytest.approx(4, abs=0.05)


def test_cut_short_gives_what_there_is(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mkv", drift(make, 6), sound_seconds=6, options={"preset": "veryfast", "g": "25"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    pieces, summary = decode(path)

    assert summary.note is not None
    assert pairs(pieces)


def test_nothing_but_garbage_is_refused(make: MediaMaker, decode: Decode) -> None:
    path = make.folder / "bad.mp4"
    path.write_bytes(b"no video at all" * 100)

    with pytest.raises(BadMediaError, match="copy it again"):
        decode(path)


def test_workers_pass_pieces_on(make: MediaMaker, workers: MediaWorkers) -> None:
    path = make.video("film.mp4", drift(make, 3), sound_seconds=3)
    bad = make.folder / "bad.mp4"
    bad.write_bytes(b"nothing")
    tasks = [DecodeTask(1, path, MediaKind.VIDEO, streams=ALL), DecodeTask(2, bad, MediaKind.VIDEO, streams=ALL)]

    outcomes = list(workers.map(tasks))

    pieces = [outcome.piece for outcome in outcomes if isinstance(outcome, DecodedPiece)]
    assert {stream_of(piece) for piece in pieces} == ALL - {Stream.FRAMES}
    assert sum(isinstance(outcome, Finished) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Failed) for outcome in outcomes) == 1
    assert sum(len(piece.samples) for piece in sounds(list(pieces))) == pytest.approx(3 * SOUND_RATE, rel=0.05)


@pytest.mark.parametrize(
    ("make_piece", "message"),
    [
        (lambda: FramePair(0, 0.1, np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)), "a pair is two"),
        (lambda: FramePair(0, 0.0, *np.zeros((2, 2, 2), np.uint8)), "gap > 0"),
        (lambda: FramePair(0, 0.1, *np.zeros((2, 2, 2), np.float32)), "uint8"),
        (lambda: ScreenFrame(0, np.zeros((2, 2), np.uint8)), r"\[height, width, 3\]"),
        (lambda: ScreenFrame(-1, np.zeros((2, 2, 3), np.uint8)), "time >= 0"),
        (lambda: SoundPiece(0, np.zeros(3, np.float32)), "int16"),
        (lambda: SoundPiece(float("nan"), np.zeros(3, np.int16)), "start >= 0"),
    ],
)
def test_pieces_check_themselves(make_piece: Callable[[], Piece], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_piece()
