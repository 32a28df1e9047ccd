"""Small frames of a whole film, at an even rate, from a decoder of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.media import video
from retrieval.media.files import open_media
from retrieval.media.pieces import CLIP_RATE, ClipFrames, Stream
from retrieval.media.video import sample_open_video
from retrieval.models.video_nets import VIDEO_NETS
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import ClipForm, Frame, PictureForm, ResizeMode

from .conftest import MediaMaker

CLIPS = frozenset({Stream.CLIPS})
WHOLE = ClipForm(PictureForm(96, 160), 96, 160)
Decode = Callable[..., list[ClipFrames | Frame]]


@pytest.fixture
def decode(sampling: SamplingSettings, limits: MediaLimits) -> Decode:
    """What comes of a file, in the form of its own size."""

    def run(path: Path, streams: frozenset[Stream] = CLIPS, form: ClipForm = WHOLE) -> list[ClipFrames | Frame]:
        pieces: list[ClipFrames | Frame] = []
        with open_media(path) as media:
            settings = replace(sampling, clips=form)
            pieces.extend(sample_open_video(media, settings, limits, streams=streams, emit=pieces.append))
        return pieces

    return run


def joined(pieces: list[ClipFrames | Frame]) -> NDArray[np.uint8]:
    """All frames ``[n, h, w, 3]``, of pieces that follow each other from 0 on."""
    found = [piece for piece in pieces if isinstance(piece, ClipFrames)]
    assert found[0].start_seconds == 0
    for earlier, later in pairwise(found):
        assert later.start_seconds == pytest.approx(earlier.start_seconds + len(earlier.frames) / CLIP_RATE)
    return np.concatenate([piece.frames for piece in found])


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(np.float32) - other).mean())


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("one_key.mp4", "libx264", {"preset": "veryfast", "g": "250"}),
        ("b_frames.mp4", "libx264", {"preset": "veryfast", "g": "25", "bf": "3"}),
        ("keys.mp4", "libx264", {"preset": "veryfast", "g": "1"}),
        ("open.mp4", "libx264", {"preset": "veryfast", "g": "25", "x264-params": "open-gop=1"}),
        ("hevc.mp4", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none"}),
        ("vp9.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
        ("mpeg4.avi", "mpeg4", {"qscale": "2"}),
        ("mpeg2.ts", "mpeg2video", {"qscale": "2"}),
    ],
)
def test_each_moment_sees_what_is_on_the_screen_then(
    make: MediaMaker, decode: Decode, name: str, codec: str, options: dict[str, str]
) -> None:
    path = make.video(
        name, (make.scene(3, drift=3 * number) for number in range(3 * make.rate)), codec=codec, options=options
    )

    frames = joined(decode(path))

    assert len(frames) == pytest.approx(3 * CLIP_RATE, abs=2)
    for moment, pixels in enumerate(frames[: 3 * CLIP_RATE]):
        shown = int(moment / CLIP_RATE * make.rate + 1e-6)
        near = [difference(pixels, make.scene(3, drift=3 * number)) for number in (shown - 1, shown, shown + 1)]
        assert near[1] < 15
        assert near[1] == min(near)


def test_frames_that_stand_long_are_seen_again(make: MediaMaker, decode: Decode) -> None:
    path = make.video("slow.mkv", [make.scene(number) for number in range(3)], times=[0.0, 1.0, 2.0])

    frames = joined(decode(path))

    assert all(difference(pixels, make.scene(moment // CLIP_RATE)) < 12 for moment, pixels in enumerate(frames[:30]))


def test_one_frame_is_a_moment(make: MediaMaker, decode: Decode) -> None:
    assert len(joined(decode(make.video("one.mp4", [make.scene(1)])))) == 1


def test_a_rotated_video_is_seen_upright(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mov", (make.scene(3) for _ in range(25)), rotation=90)

    frames = joined(decode(path, form=ClipForm(PictureForm(160, 96), 160, 96)))

    assert min(difference(frames[0], np.rot90(make.scene(3), turns)) for turns in (1, 3)) < 12


def test_a_clock_that_is_set_back_leaves_no_gap(make: MediaMaker, decode: Decode) -> None:
    parts = [make.video(f"{number}.ts", (make.scene(number) for _ in range(50))) for number in range(2)]
    whole = make.folder / "joined.ts"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts))

    frames = joined(decode(whole))

    assert len(frames) == pytest.approx(4 * CLIP_RATE, abs=2)
    assert difference(frames[0], make.scene(0)) < 12
    assert difference(frames[-1], make.scene(1)) < 12


def test_what_is_damaged_is_passed_over(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mkv", make.shots(3.0), options={"preset": "veryfast", "g": "25"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert len(joined(decode(path))) > 5


def test_clips_change_no_frame(make: MediaMaker, decode: Decode) -> None:
    path = make.video("film.mp4", make.shots(2, 3, 1.5), options={"preset": "veryfast", "g": "50"})

    alone, beside = (
        [piece for piece in decode(path, streams) if isinstance(piece, Frame)]
        for streams in (frozenset({Stream.FRAMES}), CLIPS | {Stream.FRAMES})
    )

    assert [frame.span for frame in alone] == [frame.span for frame in beside]
    assert all(np.array_equal(one.pixels, other.pixels) for one, other in zip(alone, beside, strict=True))


def test_who_asks_no_clips_has_no_second_decoder(
    make: MediaMaker, decode: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "another_decoder", lambda _stream: pytest.fail("a second decoder was made"))

    decode(make.video("film.mp4", make.shots(1)), frozenset(Stream) - CLIPS)


@pytest.mark.parametrize("side", [112, 224])
def test_pieces_are_small(make: MediaMaker, decode: Decode, side: int) -> None:
    form = ClipForm(PictureForm(256, 256, ResizeMode.SHORTEST), side, side)

    pieces = decode(make.video("film.mp4", make.shots(2.0)), form=form)

    assert all(isinstance(piece, ClipFrames) and piece.frames.nbytes <= 600_000 for piece in pieces)
    assert joined(pieces).shape[1:] == (side, side, 3)


@pytest.mark.parametrize("name", VIDEO_NETS)
def test_frames_are_as_torchvision_prepares_them(make: MediaMaker, decode: Decode, name: str) -> None:
    import torch
    from torchvision.models import get_model_weights

    kind = VIDEO_NETS[name]
    photo = np.asarray(make.photo(640, 360))
    path = make.folder / "photo.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv444p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(photo, "rgb24")))
        container.mux(stream.encode())

    (frame,) = joined(decode(path, form=kind.form))

    transforms = get_model_weights(name)["KINETICS400_V1"].transforms()
    wanted = transforms(torch.from_numpy(photo.copy()).permute(2, 0, 1)[None])[:, 0]  # [3, h, w], normalised
    ours = (torch.from_numpy(frame.copy()) / 255 - torch.tensor(kind.mean)) / torch.tensor(kind.deviation)
    assert transforms.mean == list(kind.mean)
    assert transforms.std == list(kind.deviation)
    assert float(torch.corrcoef(torch.stack([ours.permute(2, 0, 1).flatten(), wanted.flatten()]))[0, 1]) > 0.995


@pytest.mark.parametrize(
    ("make_piece", "message"),
    [
        (lambda: ClipFrames(0, np.zeros((2, 2, 3), np.uint8)), r"\[n, height, width, 3\]"),
        (lambda: ClipFrames(0, np.zeros((1, 2, 2, 3), np.float32)), "uint8"),
        (lambda: ClipFrames(-1, np.zeros((1, 2, 2, 3), np.uint8)), "start >= 0"),
        (lambda: ClipForm(height=0), "sides from 1 up"),
    ],
)
def test_they_check_themselves(make_piece: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_piece()


def test_an_image_of_a_clip_is_told_by_its_shape() -> None:
    assert repr(ClipFrames(0.0, np.asarray(Image.new("RGB", (4, 2)))[None])) == (
        "ClipFrames((1, 2, 4, 3), start_seconds=0.0)"
    )
