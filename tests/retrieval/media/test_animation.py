"""Animated pictures are short videos: what is seen when, whatever their frames leave of each other, within limits."""

from __future__ import annotations

import io
import resource
import struct
import time
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import BadMediaError, MediaLimitError
from retrieval.media import DecodedFrame, DecodeTask, Failed, Finished, MediaWorkers, ThumbnailMade, ThumbnailTask
from retrieval.media.animation import AnimationSummary, sample_animation
from retrieval.media.files import nothing, open_media
from retrieval.media.opening import open_picture
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaKind

Make = Any
RED, BLUE, GREEN = (220, 30, 30), (30, 60, 220), (30, 160, 60)
SAMPLING = SamplingSettings(frame_size=64)
FORMATS = {"gif": "gif", "webp": "webp", "png": "apng", "avif": "avif"}


def animate(path: Path, colours: Sequence[tuple[int, int, int]], seconds: float | list[float], **options: Any) -> Path:
    frames = [Image.new("RGB", (64, 48), colour) for colour in colours]
    milliseconds = [round(one * 1000) for one in seconds] if isinstance(seconds, list) else round(seconds * 1000)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, **options)
    return path


def sample(path: Path, limits: MediaLimits | None = None) -> tuple[list[Frame], AnimationSummary]:
    limits = limits or MediaLimits()
    frames = []
    with open_media(path) as media, open_picture(media, limits) as picture:
        assert picture.is_animated
        sampled = sample_animation(picture, SAMPLING, limits, nothing)
        while True:
            try:
                frames.append(next(sampled))
            except StopIteration as end:
                return frames, end.value


def spans(frames: Sequence[Frame]) -> list[tuple[float, float]]:
    found = [frame.span for frame in frames]
    assert None not in found
    return [(round(span.start_seconds, 3), round(span.end_seconds, 3)) for span in found if span is not None]


def near(pixel: Any, color: tuple[int, int, int]) -> bool:
    return bool(np.abs(np.asarray(pixel).astype(int) - color).max() <= 30)


@pytest.mark.parametrize("extension", FORMATS)
def test_frames_stand_for_their_time(tmp_path: Path, extension: str) -> None:
    frames, summary = sample(animate(tmp_path / f"a.{extension}", [RED, BLUE, GREEN], [0.5, 1.2, 2.0]))
    assert spans(frames) == [(0.0, 0.5), (0.5, 1.7), (1.7, 3.7)]
    assert [frame.time_seconds for frame in frames] == pytest.approx([0.0, 0.5, 1.7])
    for frame, colour in zip(frames, (RED, BLUE, GREEN), strict=True):
        assert near(frame.pixels[32, 32], colour)
    facts = summary.facts
    assert (facts.kind, facts.codec, facts.width, facts.height) == (MediaKind.VIDEO, FORMATS[extension], 64, 48)
    assert (facts.duration_seconds, facts.frame_rate) == pytest.approx((3.7, 3 / 3.7))
    assert (facts.has_sound, summary.note) == (False, None)


def test_a_still_animation_is_one_frame_in_pieces_of_ten_seconds(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    images = [Image.new("RGB", (64, 48), (220, 30, 30 + number % 2 * 8)) for number in range(25)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=1000)
    frames, _ = sample(path)
    assert spans(frames) == [(0.0, 10.0), (10.0, 20.0), (20.0, 25.0)]


@pytest.mark.parametrize("extension", ["gif", "webp", "png"])
def test_a_frame_that_claims_no_time_gets_what_browsers_give_it(tmp_path: Path, extension: str) -> None:
    frames, summary = sample(animate(tmp_path / f"a.{extension}", [RED, BLUE] * 10, 0.0))
    assert summary.facts.duration_seconds == pytest.approx(2.0)
    assert spans(frames)[-1][1] == pytest.approx(2.0)


def test_a_frame_that_claims_hours_stands_for_a_minute(tmp_path: Path) -> None:
    frames, summary = sample(animate(tmp_path / "a.webp", [RED, BLUE], 4 * 3600.0))
    assert summary.facts.duration_seconds == pytest.approx(120.0)
    assert len(frames) == 12


@pytest.mark.parametrize("extension", FORMATS)
def test_one_frame_is_a_picture(tmp_path: Path, extension: str) -> None:
    path = animate(tmp_path / f"a.{extension}", [RED], 1.0)
    with open_media(path) as media, open_picture(media, MediaLimits()) as picture:
        assert not picture.is_animated


def test_the_pages_of_a_tiff_are_no_animation(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.tif", [RED, BLUE], 1.0)
    with open_media(path) as media, open_picture(media, MediaLimits()) as picture:
        assert not picture.is_animated


def test_an_apngs_hidden_default_picture_is_not_of_the_film(tmp_path: Path) -> None:
    options = {"append_images": [Image.new("RGB", (64, 48), colour) for colour in (BLUE, GREEN)], "duration": 500}
    Image.new("RGB", (64, 48), RED).save(tmp_path / "a.png", save_all=True, default_image=True, **options)
    frames, summary = sample(tmp_path / "a.png")
    assert [near(frame.pixels[9, 9], colour) for frame, colour in zip(frames, (BLUE, GREEN), strict=True)] == [True] * 2
    assert summary.facts.duration_seconds == pytest.approx(1.0)
    options["append_images"] = options["append_images"][:1]  # type: ignore[index]
    Image.new("RGB", (64, 48), RED).save(tmp_path / "b.png", save_all=True, default_image=True, **options)
    with open_media(tmp_path / "b.png") as media, open_picture(media, MediaLimits()) as picture:
        assert not picture.is_animated


def _patch(colour: tuple[int, int, int], left: int) -> Image.Image:
    """A square on nothing."""
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    image.paste((*colour, 255), (left, 8, left + 24, 40))
    return image


@pytest.mark.parametrize(
    ("extension", "leaves", "options"),
    [
        ("gif", True, {"disposal": 1}),
        ("gif", False, {"disposal": 2}),
        ("png", True, {"disposal": 0, "blend": 1}),
        ("png", False, {"disposal": 1, "blend": 1}),
        ("png", False, {"disposal": 0, "blend": 0}),
    ],
    ids=["gif-keeps", "gif-clears", "apng-keeps", "apng-clears", "apng-replaces"],
)
def test_what_a_frame_leaves_of_the_one_before(
    tmp_path: Path, extension: str, leaves: bool, options: dict[str, int]
) -> None:
    path, frames = tmp_path / f"a.{extension}", [_patch(RED, 4), _patch(BLUE, 36)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000, **options)
    first, second = sample(path)[0]
    # Squashed to 64 x 64: the squares lie at columns 4 to 28 and 36 to 60.
    assert near(first.pixels[32, 16], RED)
    assert near(first.pixels[32, 48], (255, 255, 255))
    assert near(second.pixels[32, 48], BLUE)
    assert near(second.pixels[32, 16], RED if leaves else (255, 255, 255))


@pytest.mark.parametrize("extension", ["gif", "webp", "png"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_what_is_whole_of_a_damaged_one_is_used(tmp_path: Path, make: Make, extension: str, share: float) -> None:
    path = tmp_path / f"a.{extension}"
    images = [Image.fromarray(make.scene(number)) for number in range(10)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=1000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with MediaWorkers(sampling=SAMPLING, processes=1) as workers:
        outcomes = workers.run(DecodeTask(1, path, MediaKind.PICTURE))
    if extension == "webp":  # its decoder wants the whole file
        assert isinstance(outcomes[-1], Failed)
        assert isinstance(outcomes[-1].error, BadMediaError)
        return
    assert isinstance(outcomes[-1], Finished)
    assert outcomes[-1].note is not None
    assert "cut short" in outcomes[-1].note
    assert 0.3 * 10 <= (outcomes[-1].facts.duration_seconds or 0) < 10
    assert len(outcomes) - 1 == round(outcomes[-1].facts.duration_seconds or 0)


def test_one_whole_frame_of_a_damaged_film_is_a_picture(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "a.gif"
    images = [Image.fromarray(make.scene(number)) for number in range(2)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=20_000)
    path.write_bytes(path.read_bytes()[:-2000])
    frames, summary = sample(path)
    assert [(frame.span, frame.time_seconds) for frame in frames] == [(None, None)]
    assert (summary.facts.kind, summary.facts.duration_seconds) == (MediaKind.PICTURE, None)
    assert summary.note is not None


def test_work_stops_at_the_limits_and_says_so(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.gif", [RED, BLUE] * 50, 1.0)
    _, summary = sample(path, MediaLimits(animation_pixels=40 * 4096))
    assert summary.note == "a long animation: its first 40.0 s (40 frames) were used"
    assert summary.facts.duration_seconds == pytest.approx(40.0)
    _, summary = sample(path, MediaLimits(duration_seconds=30.0))
    assert summary.facts.duration_seconds == pytest.approx(30.0)


def test_a_canvas_over_the_pixel_limit_is_refused(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.gif", [RED, BLUE], 1.0)
    with pytest.raises(MediaLimitError, match="64 x 48 pixels"):
        sample(path, MediaLimits(pixels=1000))


def gif_of(frames: int, size: tuple[int, int] = (16, 16)) -> bytes:
    """A GIF of so many frames, made of two that Pillow wrote."""
    target = io.BytesIO()
    first, second = Image.new("P", size, 0), Image.new("P", size, 1)
    for image in (first, second):
        image.putpalette([*RED, *BLUE])
    first.save(target, "GIF", save_all=True, append_images=[second], duration=20, loop=0)
    content = target.getvalue()
    start = content.index(b"\x21\xf9", content.index(b"\x21\xf9") + 1)
    return content[:start] + content[start:-1] * (frames - 1) + b";"


def test_a_hundred_thousand_frames_stay_within_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(gif_of(100_000))
    began = time.monotonic()
    with MediaWorkers(
        MediaLimits(animation_pixels=20_000 * 4096, memory_bytes=128 << 20, picture_seconds=5), SAMPLING, processes=1
    ) as workers:
        outcomes = workers.run(DecodeTask(1, path, MediaKind.PICTURE))
    end = outcomes[-1]
    assert isinstance(end, Finished), end
    assert end.note == "a long animation: its first 400.0 s (20000 frames) were used"
    assert len(outcomes) - 1 == 41  # the first, and of what doesn't change after it one for each ten seconds
    assert time.monotonic() - began < 60


@pytest.mark.long
def test_all_of_a_hundred_thousand_frames_by_the_usual_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(gif_of(100_000, (64, 64)))
    with MediaWorkers(sampling=SAMPLING, processes=1) as workers:
        workers.run(ThumbnailTask(0, path, 32, 0.0))
        (worker,) = workers.process_identifiers
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        end = workers.run(DecodeTask(1, path, MediaKind.PICTURE))[-1]
        peak = next(line for line in Path(f"/proc/{worker}/status").read_text().splitlines() if "VmHWM" in line)
    assert isinstance(end, Finished), end
    assert end.facts.duration_seconds == pytest.approx(2000.0)
    assert int(peak.split()[1]) < 300_000, peak  # kilobytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def apng_that_lies(folder: Path, promised: int) -> Path:
    """A PNG of one frame whose header promises more."""
    target = io.BytesIO()
    Image.new("RGB", (64, 48), RED).save(target, "PNG")
    content = target.getvalue()
    film = _chunk(b"acTL" + struct.pack(">II", promised, 0))
    frame = _chunk(b"fcTL" + struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 10, 0, 0))
    path = folder / "liar.png"
    path.write_bytes(content[:33] + film + frame + content[33:])
    return path


def _chunk(data: bytes) -> bytes:
    return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


@pytest.mark.parametrize("promised", [2, 100_000, 2**31])
def test_frames_that_are_promised_and_absent_make_no_video(tmp_path: Path, promised: int) -> None:
    with MediaWorkers(sampling=SAMPLING, processes=1) as workers:
        outcomes = workers.run(DecodeTask(1, apng_that_lies(tmp_path, promised), MediaKind.PICTURE))
    assert isinstance(outcomes[-1], Finished), outcomes
    assert outcomes[-1].facts.kind is MediaKind.PICTURE
    assert len(outcomes) == 2


@pytest.mark.parametrize("extension", FORMATS)
def test_thumbnails_are_of_their_moment(tmp_path: Path, extension: str) -> None:
    path = animate(tmp_path / f"a.{extension}", [RED, BLUE, GREEN], [0.5, 1.2, 2.0])
    with MediaWorkers(sampling=SAMPLING, processes=1) as workers:
        for seconds, colour in ((0.0, RED), (0.6, BLUE), (1.8, GREEN), (99.0, GREEN), (None, RED)):
            made = workers.run(ThumbnailTask(1, path, 32, seconds))[-1]
            assert isinstance(made, ThumbnailMade), made
            image = Image.open(io.BytesIO(made.jpeg))
            assert image.size == (32, 24)
            assert near(image.getpixel((16, 12)), colour), seconds


def test_a_still_is_the_first_frame_alone(tmp_path: Path) -> None:
    path = animate(tmp_path / "a.gif", [RED, BLUE], 1.0)
    with MediaWorkers(sampling=SAMPLING, processes=1) as workers:
        outcomes = workers.run(DecodeTask(1, path, MediaKind.PICTURE, is_still=True))
    frames = [outcome.frame for outcome in outcomes if isinstance(outcome, DecodedFrame)]
    assert [frame.span for frame in frames] == [None]
    assert isinstance(outcomes[-1], Finished)
    assert outcomes[-1].facts.kind is MediaKind.PICTURE


def test_orientation_is_applied_to_each_frame(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    halves = np.zeros((48, 64, 3), np.uint8)
    halves[:, :32], halves[:, 32:] = RED, BLUE
    images = [Image.fromarray(halves), Image.fromarray(halves[:, ::-1])]
    images[0].save(
        tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=1000, exif=exif.tobytes(), lossless=True
    )
    (first, second), summary = sample(tmp_path / "a.webp")
    assert (summary.facts.width, summary.facts.height) == (48, 64)
    assert near(first.pixels[4, 32], RED)
    assert near(second.pixels[4, 32], BLUE)


def test_spans_follow_each_other(tmp_path: Path, make: Make) -> None:
    images = [Image.fromarray(pixels) for pixels in make.shots(1.0, 0.2, 0.9)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=40)
    found = spans(sample(tmp_path / "a.gif")[0])
    assert found[0][0] == 0.0
    assert found[-1][1] == pytest.approx(len(images) * 0.04)
    assert all(before[1] == after[0] for before, after in pairwise(found))
    assert {1.0, 1.3} & {start for start, _ in found}
