"""Preview clips: what they show, and all that bounds them."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from retrieval.errors import BadMediaError, MediaLimitError, MissingDecoderError
from retrieval.media import preview
from retrieval.media.files import open_media
from retrieval.media.preview import open_video_preview
from retrieval.media.tasks import Failed, PreviewMade, PreviewTask
from retrieval.media.worker import MediaWorkers
from retrieval.settings import MediaLimits

RATE = 44_100
SECONDS = 4
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A video whose grey level is its time (40 a second), with a tone if asked for."""

    def write(
        name: str = "a.avi",
        codec: str = "mpeg4",
        size: tuple[int, int] = (96, 64),
        rate: int = 10,
        *,
        sound: bool = False,
    ) -> Path:
        path = tmp_path / name
        with av.open(path, "w") as container:
            video = container.add_stream(codec, rate=rate)
            video.width, video.height, video.pix_fmt, video.gop_size = *size, "yuv420p", 2 * rate
            audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono") if sound else None
            for number in range(SECONDS * rate):
                pixels = np.full((size[1], size[0], 3), 40 + 40 * number // rate, np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(pixels)))
                if audio is not None:
                    container.mux(audio.encode(_tone(number * RATE // rate, RATE // rate)))
            for stream in (video, audio) if audio is not None else (video,):
                container.mux(stream.encode(None))
        return path

    return write


def _tone(start: int, count: int) -> av.AudioFrame:
    wave = np.sin(np.arange(start, start + count) * 440 * 2 * np.pi / RATE) * 8000
    frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
    return frame


def make(path: Path, start: float = 0.0, seconds: float = 60.0) -> bytes:
    with open_media(path) as media:
        return open_video_preview(media, start, seconds, MediaLimits())


def frames_of(clip: bytes) -> list[tuple[float, int]]:
    """(time, grey level) of each frame."""
    with av.open(io.BytesIO(clip)) as container:
        return [(frame.time, int(frame.to_ndarray(format="gray").mean())) for frame in container.decode(video=0)]


def test_every_browser_plays_it(write: Write) -> None:
    with av.open(io.BytesIO(make(write(sound=True)))) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (container.format.name.split(",")[0], video.codec.name, audio.codec.name) == ("mov", "h264", "aac")
        assert video.codec_context.pix_fmt == "yuv420p"
        assert audio.codec_context.channels == 2


def test_it_shows_the_stretch_that_was_asked_for(write: Write) -> None:
    found = frames_of(make(write(), 1.5, 2))
    assert [found[0][0], found[-1][0]] == pytest.approx([0.0, 1.9], abs=0.02)
    assert [found[0][1], found[-1][1]] == pytest.approx([100, 178], abs=8)


def test_it_ends_where_the_video_does(write: Write) -> None:
    assert frames_of(make(write(), 3, 60))[-1][0] == pytest.approx(0.9, abs=0.02)


def test_the_sound_is_of_the_same_stretch(write: Write) -> None:
    with av.open(io.BytesIO(make(write(sound=True), 1, 2))) as container:
        heard = list(container.decode(audio=0))
    assert sum(frame.samples for frame in heard) / 48_000 == pytest.approx(2, abs=0.15)
    assert np.abs(np.concatenate([frame.to_ndarray()[0] for frame in heard])).max() > 0.1


@pytest.mark.parametrize(("size", "expected"), [((1920, 1080), (640, 360)), ((90, 160), (90, 160))])
def test_sides_are_bounded_and_even(write: Write, size: tuple[int, int], expected: tuple[int, int]) -> None:
    with av.open(io.BytesIO(make(write(size=size, rate=5), 0, 1))) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == expected


def test_odd_proportions_become_even_sides(write: Write) -> None:
    with av.open(io.BytesIO(make(write(size=(1282, 722), rate=5), 0, 1))) as container:
        assert container.streams.video[0].width % 2 == container.streams.video[0].height % 2 == 0


@pytest.mark.parametrize("rate", [50, 60])
def test_frames_are_thinned_out(write: Write, rate: int) -> None:
    times = [time for time, _ in frames_of(make(write(rate=rate), 0, 2))]
    assert len(times) == rate  # half of two seconds' frames
    assert min(np.diff(times)) > 1 / 31


def test_length_is_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "SECONDS_MOST", 1)
    assert frames_of(make(write(), 0, 1000))[-1][0] < 1


def test_work_is_bounded(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "_WORK_SECONDS_MOST", -1.0)
    with pytest.raises(MediaLimitError, match=r"took longer than -1 s; convert the video to H\.264"):
        make(write())


def test_a_video_that_is_turned_is_shown_upright(write: Write, tmp_path: Path) -> None:
    plain = write("plain.mp4", "mpeg4", (96, 64))
    content = bytearray(plain.read_bytes())
    # The display matrix of the track (ISO/IEC 14496-12, 8.3.2): a quarter turn.
    at = content.index(b"tkhd") + 4 + 40
    for number, value in enumerate((0, 1 << 16, 0, -1 << 16, 0, 0)):
        content[at + 4 * number : at + 4 * number + 4] = value.to_bytes(4, "big", signed=True)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(content)
    with av.open(io.BytesIO(make(turned, 0, 1))) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 96)


def test_damage_costs_what_is_damaged(write: Write) -> None:
    path = write("a.mkv", "mpeg4", (320, 240))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = b"\xff" * 200
    path.write_bytes(content)
    assert len(frames_of(make(path))) >= 15


def test_what_has_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with av.open(path, "w") as container:
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        container.mux(audio.encode(_tone(0, RATE)))
    with pytest.raises(BadMediaError, match="a sound has no picture; expected a video"):
        make(path)


def test_what_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(BadMediaError, match="not a video or sound that can be read"):
        make(path)


def test_a_build_without_the_encoder(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write()
    monkeypatch.setattr(preview, "_ENCODER", "no-such-encoder")
    with pytest.raises(MissingDecoderError, match=r"can't write H\.264; install PyAV's own wheel"):
        make(path)


def test_an_isolated_worker_makes_it(write: Write, tmp_path: Path) -> None:
    broken = tmp_path / "broken.avi"
    broken.write_bytes(b"RIFF")
    with MediaWorkers(processes=1) as workers:
        made = workers.run(PreviewTask(7, write(), 1, 1))[-1]
        failed = workers.run(PreviewTask(8, broken, 0, 1))[-1]
    assert isinstance(made, PreviewMade)
    assert made.key == 7
    assert len(frames_of(made.mp4)) == 10
    assert isinstance(failed, Failed)
