from __future__ import annotations

import io
import os
import struct
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from retrieval.errors import BadMediaError, MediaLimitError, TransientMediaError
from retrieval.media.container import open_container, orientation
from retrieval.media.files import open_media
from retrieval.media.video import VideoSummary, sample_video, video_thumbnail
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaKind

RED, BLUE = (220, 30, 30), (30, 60, 220)
Sample = Callable[..., tuple[list[Frame], VideoSummary]]


def near(pixel: Any, color: tuple[int, int, int], tolerance: int = 40) -> bool:
    return bool(np.abs(np.asarray(pixel).astype(int) - color).max() <= tolerance)


def starts(frames: list[Frame]) -> list[float]:
    return [frame.span.start_seconds for frame in frames if frame.span is not None]


def has_start(frames: list[Frame], time: float, tolerance: float = 0.021) -> bool:
    return min(abs(start - time) for start in starts(frames)) <= tolerance


def check_spans(frames: list[Frame], summary: VideoSummary, longest: float = 10.0) -> None:
    """Spans cover the video from 0 to its end without gap or overlap; each frame lies in its own."""
    found = [frame.span for frame in frames if frame.span is not None]
    assert found[0].start_seconds == 0
    assert found[-1].end_seconds == summary.facts.duration_seconds
    assert all(left.end_seconds == right.start_seconds for left, right in pairwise(found))
    assert all(span.end_seconds - span.start_seconds <= longest + 1e-9 for span in found)
    assert all(
        span.start_seconds <= (frame.time_seconds or 0) <= span.end_seconds
        for span, frame in zip(found, frames, strict=True)
    )


@pytest.fixture
def sample(sampling: SamplingSettings, limits: MediaLimits) -> Sample:
    def run(
        path: Path, sampling: SamplingSettings = sampling, limits: MediaLimits = limits
    ) -> tuple[list[Frame], VideoSummary]:
        frames, generator = [], sample_video(path, sampling, limits)
        while True:
            try:
                frames.append(next(generator))
            except StopIteration as end:
                return frames, end.value

    return run


KINDS = {
    "x264 defaults": ("a.mp4", "libx264", {"preset": "ultrafast", "sc_threshold": "40"}),
    "one group of pictures": ("a.mov", "libx264", {"preset": "ultrafast", "g": "9999", "sc_threshold": "0"}),
    "B-frames, fixed groups": ("a.mkv", "libx264", {"preset": "veryfast", "g": "25", "sc_threshold": "0"}),
    "short groups": ("a.m4v", "libx264", {"preset": "ultrafast", "g": "8"}),
    "key frames alone": ("a.mp4", "libx264", {"preset": "ultrafast", "g": "1"}),
    "transport stream": ("a.ts", "libx264", {"preset": "ultrafast"}),
    "webm": ("a.webm", "libvpx", {"deadline": "realtime", "cpu-used": "8"}),
    "avi": ("a.avi", "mpeg4", {}),
    "avi without presentation times": ("b.avi", "mpeg4", {"bf": "2"}),
    "mpeg": ("a.mpg", "mpeg2video", {}),
    "wmv": ("a.wmv", "wmv2", {}),
    "flv": ("a.flv", "flv", {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_shots_are_cut_and_spans_cover_the_video(make: Any, sample: Sample, kind: str) -> None:
    name, codec, options = KINDS[kind]
    path = make.video(name, make.shots(1.6, 2.4, 2.0), codec=codec, options=options)
    frames, summary = sample(path)
    check_spans(frames, summary)
    # Frames that no other refers to are not decoded, so a cut is found up to two frames late.
    tolerance = 0.13 if kind in ("B-frames, fixed groups", "avi without presentation times") else 0.021
    assert has_start(frames, 1.6, tolerance)
    assert has_start(frames, 4.0, tolerance)
    assert len(frames) <= 9
    assert summary.facts.kind == MediaKind.VIDEO
    assert (summary.facts.width, summary.facts.height) == (160, 96)
    assert summary.facts.duration_seconds == pytest.approx(6.0, abs=0.05)
    assert summary.facts.frame_rate == pytest.approx(25, abs=0.1)
    assert summary.note is None


def test_each_kept_frame_shows_its_shot(make: Any, sample: Sample) -> None:
    path = make.video("a.mp4", make.shots(1.6, 2.4, 2.0))
    frames, _ = sample(path)
    for frame in frames:
        shot = 0 if frame.time_seconds < 1.6 else 1 if frame.time_seconds < 4 else 2  # type: ignore[operator]
        expected = [
            np.asarray(Image.fromarray(make.scene(number + 10, drift=0)).resize((64, 64))).astype(int)
            for number in range(3)
        ]
        apart = [float(np.abs(frame.pixels - one).mean()) for one in expected]
        assert apart.index(min(apart)) == shot


def test_a_still_video_is_few_frames(make: Any, sample: Sample) -> None:
    frames, summary = sample(make.video("a.mp4", [make.scene(1)] * 25 * 14))
    assert starts(frames) == [0, 10]
    check_spans(frames, summary)


def test_the_interval_is_kept(make: Any, sample: Sample) -> None:
    path = make.video("a.mp4", (make.scene(1, drift=frame / 6) for frame in range(200)))
    for interval in (0.5, 1.0, 2.0):
        sampling = SamplingSettings(interval_seconds=interval, frame_size=64, merge_difference=0.0)
        frames, summary = sample(path, sampling)
        check_spans(frames, summary)
        gaps = np.diff([frame.time_seconds for frame in frames])  # type: ignore[arg-type]
        assert gaps.min() >= interval / 2
        assert gaps.max() <= interval * 1.5 + 0.05


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(make: Any, sample: Sample, limits: MediaLimits, degrees: int) -> None:
    still = np.asarray(make.halves(160, 96))
    path = make.video("a.mp4", [still] * 5, rotation=degrees)
    frames, summary = sample(path)
    turned = np.rot90(still, degrees // 90)  # counterclockwise
    height, width = turned.shape[:2]
    assert (summary.facts.width, summary.facts.height) == (width, height)
    small = Image.open(io.BytesIO(video_thumbnail(path, 0.0, 80, limits)))
    assert small.size == (width // 2, height // 2)
    for pixels in (frames[0].pixels, np.asarray(small)):
        for y, x in ((3, 3), (3, -4), (-4, 3), (-4, -4)):
            assert near(pixels[y, x], RED if near(turned[y, x], RED) else BLUE)
    with av.open(path) as container:
        frame = next(container.decode(video=0))
        assert orientation(frame)[0] * 90 == frame.rotation % 360


def test_times_come_from_timestamps_and_not_from_frame_numbers(make: Any, sample: Sample) -> None:
    times = [0.0, 0.4, 2.0, 2.3, 7.7]
    path = make.video("a.mp4", [make.scene(number) for number in range(5)], times=times)
    frames, summary = sample(path)
    check_spans(frames, summary)
    assert starts(frames) == pytest.approx([0.0, 0.4, 2.0, 2.3, 7.7], abs=0.001)


def test_the_first_frame_is_at_zero_wherever_the_clock_starts(make: Any, sample: Sample) -> None:
    path = make.video("a.mkv", make.shots(1.0, 1.0), times=[90 + frame / 25 for frame in range(50)])
    frames, summary = sample(path)
    assert frames[0].time_seconds == pytest.approx(0, abs=0.01)
    assert has_start(frames, 1.0)
    assert summary == VideoSummary(summary.facts, None)
    check_spans(frames, summary)


def test_a_clock_that_is_set_back_goes_on(make: Any, sample: Sample, tmp_path: Path) -> None:
    first = make.video("1.ts", make.shots(2.0))
    second = make.video("2.ts", make.shots(0.0, 2.0))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    frames, summary = sample(joined)
    check_spans(frames, summary)
    assert summary.facts.duration_seconds == pytest.approx(4.0, abs=0.1)
    assert has_start(frames, 2.0, 0.1)


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.mp4", "aac")])
def test_cover_art_is_no_video(make: Any, sample: Sample, name: str, codec: str) -> None:
    path = make.sound(name, codec, cover=True)
    with av.open(path) as container:
        assert container.streams.video  # it does have the art
    frames, summary = sample(path)
    assert frames == []
    assert (summary.facts.kind, summary.facts.has_sound, summary.facts.width) == (MediaKind.SOUND, True, None)


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.m4a", "aac")])
def test_sound_has_facts_and_no_frames(make: Any, sample: Sample, name: str, codec: str) -> None:
    frames, summary = sample(make.sound(name, codec, seconds=2.0))
    assert frames == []
    assert (summary.facts.kind, summary.facts.codec) == (MediaKind.SOUND, codec)
    assert summary.facts.duration_seconds == pytest.approx(2.0, abs=0.1)


def test_sound_beside_the_picture_is_told(make: Any, sample: Sample) -> None:
    _, summary = sample(make.video("a.mp4", make.shots(1.0), sound_seconds=1.0))
    assert (summary.facts.kind, summary.facts.has_sound) == (MediaKind.VIDEO, True)


def test_when_and_where_it_was_taken_is_told(make: Any, sample: Sample) -> None:
    metadata = {"creation_time": "2019-08-01T10:20:30Z", "location": "+48.8577+002.2950/"}
    _, summary = sample(make.video("a.mp4", make.shots(0.4), metadata=metadata))
    assert summary.facts.taken_at == datetime(2019, 8, 1, 10, 20, 30)
    assert (summary.facts.latitude, summary.facts.longitude) == pytest.approx((48.8577, 2.295))


def test_an_mp4_that_promises_ten_hours_is_not_believed(make: Any, sample: Sample) -> None:
    path: Path = make.video("a.mp4", make.shots(1.0))
    data = bytearray(path.read_bytes())
    for box in (b"mvhd", b"mdhd"):  # version 0: two times, the scale, the duration (ISO/IEC 14496-12)
        at = data.index(box) + 4
        (scale,) = struct.unpack_from(">I", data, at + 12)
        struct.pack_into(">I", data, at + 16, 36_000 * scale)
    path.write_bytes(data)
    frames, summary = sample(path)
    check_spans(frames, summary)
    assert summary.facts.duration_seconds == pytest.approx(1.0, abs=0.05)


def test_a_matroska_that_promises_ten_hours_is_not_believed(make: Any, sample: Sample) -> None:
    path: Path = make.video("a.mkv", make.shots(1.0))
    data = bytearray(path.read_bytes())
    struct.pack_into(">d", data, data.index(b"\x44\x89\x88") + 3, 36_000_000.0)  # Duration, in milliseconds
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert container.duration / 1e6 == pytest.approx(36_000)  # it does promise
    frames, summary = sample(path)
    check_spans(frames, summary)
    assert summary.facts.duration_seconds == pytest.approx(1.0, abs=0.05)
    assert summary.note == "cut short or damaged: 36000.0 s promised, 1.0 s found and used"


def test_an_mp4_without_its_index_is_bad(make: Any, sample: Sample) -> None:
    path: Path = make.video("a.mp4", make.shots(1.0))
    content = path.read_bytes()
    path.write_bytes(content[: content.find(b"moov") - 4])
    with pytest.raises(BadMediaError, match="cut short before its index"):
        sample(path)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi"])
def test_what_is_left_of_a_video_cut_short_is_used(make: Any, sample: Sample, name: str) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"
    options = {"movflags": "faststart"} if name == "a.mp4" else {}
    path: Path = make.video(name, make.shots(2.0, 2.0, 2.0), codec=codec, container_options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    frames, summary = sample(path)
    check_spans(frames, summary)
    assert 1.0 < (summary.facts.duration_seconds or 0) < 5.0
    if name != "a.ts":  # a transport stream has no header to promise anything
        assert summary.note is not None
        assert "cut short or damaged" in summary.note


def test_damage_in_the_middle_costs_only_what_it_hit(make: Any, sample: Sample) -> None:
    path: Path = make.video("a.mkv", make.shots(2.0, 2.0, 2.0), options={"preset": "ultrafast", "g": "25"})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    frames, summary = sample(path)
    check_spans(frames, summary)
    assert summary.facts.duration_seconds == pytest.approx(6.0, abs=0.1)


def test_text_named_mp4_is_bad(tmp_path: Path, sample: Sample) -> None:
    (tmp_path / "a.mp4").write_text("Dear diary,\n" * 100)
    with pytest.raises(BadMediaError, match="not a video or sound that can be read"):
        sample(tmp_path / "a.mp4")


def test_a_playlist_in_disguise_reads_no_other_file(make: Any, tmp_path: Path, sample: Sample) -> None:
    secret = make.video("secret.ts", make.shots(1.0))
    (tmp_path / "a.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n")
    with pytest.raises(BadMediaError, match="not a video or sound that can be read"):
        sample(tmp_path / "a.mp4")


def test_limits_of_pixels_and_hours_hold(make: Any, sample: Sample) -> None:
    path = make.video("a.mp4", make.shots(2.0))
    with pytest.raises(MediaLimitError, match="160 x 96 pixels"):
        sample(path, limits=MediaLimits(pixels=1000))
    with pytest.raises(MediaLimitError, match="lasts longer than"):
        sample(path, limits=MediaLimits(duration_seconds=1.0))


def test_a_vanished_video_is_of_the_moment(tmp_path: Path, sample: Sample) -> None:
    with pytest.raises(TransientMediaError, match="vanished"):
        sample(tmp_path / "gone.mp4")


def test_any_name_is_read(make: Any, tmp_path: Path, sample: Sample) -> None:
    path = tmp_path / "line\nbreak \udcff http:.mp4"
    make.video("a.mp4", make.shots(0.4)).rename(path)
    assert len(sample(path)[0]) == 1


def test_memory_does_not_grow_with_length(make: Any, sample: Sample) -> None:
    def peak(seconds: int) -> int:
        path = make.video(f"{seconds}.mp4", (make.scene(1, drift=frame) for frame in range(25 * seconds)))
        tracemalloc.start()
        for _ in sample_video(path, SamplingSettings(frame_size=64), MediaLimits()):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)  # imports and caches
    assert peak(24) < 2 * peak(6) + 1_000_000


def test_a_thumbnail_shows_the_moment(make: Any, limits: MediaLimits) -> None:
    path = make.video("a.mp4", [np.full((96, 160, 3), 40 * second, np.uint8) for second in range(6) for _ in range(25)])
    for second in (0.0, 1.5, 3.98, 5.9, 99.0):
        image = np.asarray(Image.open(io.BytesIO(video_thumbnail(path, second, 80, limits))))
        assert image.shape == (48, 80, 3)
        assert abs(int(image[20, 20, 0]) - 40 * min(int(second), 5)) < 10


def test_a_thumbnail_of_two_recordings_joined_shows_the_moment_of_either(make: Any, limits: MediaLimits) -> None:
    """Each begins at 0: nothing can be sought in what comes second."""
    greys = [[np.full((96, 160, 3), grey, np.uint8)] * 100 for grey in (60, 200)]
    parts = [make.video(f"{number}.ts", frames) for number, frames in enumerate(greys)]
    joined = make.folder / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    for second, grey in ((0.0, 60), (3.0, 60), (6.0, 200), (7.9, 200)):
        image = np.asarray(Image.open(io.BytesIO(video_thumbnail(joined, second, 80, limits))))
        assert abs(int(image[20, 20, 0]) - grey) < 10, second


def test_a_thumbnail_of_sound_is_refused(make: Any, limits: MediaLimits) -> None:
    with pytest.raises(BadMediaError, match="a sound has no picture"):
        video_thumbnail(make.sound("a.mp3", "libmp3lame"), 0.0, 80, limits)


def test_a_disk_error_that_the_data_made_up_is_the_files_fault(
    make: Any, limits: MediaLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg answers damage with "permission denied" or "input/output error" now and then."""
    path = make.video("a.mp4", make.shots(0.4))
    with (
        pytest.raises(BadMediaError, match="not a video or sound that can be read"),
        open_media(path) as media,
        open_container(media, limits),
    ):
        raise av.error.PermissionError(13, "Permission denied")

    def fail(_descriptor: int, _size: int, _at: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    with (
        pytest.raises(TransientMediaError, match=r"reading failed \(Input/output error\)"),
        open_media(path) as media,
        open_container(media, limits),
    ):
        raise av.error.OSError(5, "Input/output error")


def test_a_sound_of_an_unknown_codec_says_so(make: Any, sampling: SamplingSettings, limits: MediaLimits) -> None:
    path: Path = make.sound("a.wav", "pcm_s16le")
    content = bytearray(path.read_bytes())
    content[20:22] = b"\x99\x99"  # wFormatTag
    path.write_bytes(content)
    with pytest.raises(BadMediaError, match="its sound codec can't be decoded here; convert it to AAC or FLAC"):
        list(sample_video(path, sampling, limits))
