from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from retrieval.errors import BadMediaError, MediaLimitError, TransientMediaError
from retrieval.media.picture import decode_picture, thumbnail
from retrieval.settings import MediaLimits
from retrieval.types import MediaKind

RED, BLUE = (220, 30, 30), (30, 60, 220)


def near(pixel: Any, color: tuple[int, int, int], tolerance: int = 30) -> bool:
    return bool(np.abs(np.asarray(pixel).astype(int) - color).max() <= tolerance)


def cosine(left: NDArray[Any], right: NDArray[Any]) -> float:
    a, b = left.astype(float).ravel() - 128, right.astype(float).ravel() - 128
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


FORMATS = ["jpg", "png", "webp", "gif", "tif", "bmp"]


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_is_read(make: Any, limits: MediaLimits, extension: str) -> None:
    assert features.check("webp")
    facts, frame = decode_picture(make.picture(f"a.{extension}"), 32, limits)
    assert (facts.kind, facts.width, facts.height, facts.duration_seconds) == (MediaKind.PICTURE, 64, 48, None)
    assert frame.pixels.shape == (32, 32, 3)
    assert (frame.time_seconds, frame.span) == (None, None)
    assert near(frame.pixels[16, 4], RED)
    assert near(frame.pixels[16, 27], BLUE)


def test_the_whole_picture_is_squashed_as_pillow_does_it(make: Any, limits: MediaLimits) -> None:
    image = make.photo(300, 200)
    _, frame = decode_picture(make.picture("a.png", image), 224, limits)
    expected = np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC))
    assert np.abs(frame.pixels.astype(int) - expected).max() <= 1


def test_reduced_decoding_of_a_jpeg_is_close_to_full(make: Any, limits: MediaLimits) -> None:
    path = make.picture("a.jpg", make.photo(1632, 1224), quality=90)
    _, frame = decode_picture(path, 224, limits)
    full = np.asarray(Image.open(path).resize((224, 224), Image.Resampling.BICUBIC))
    assert cosine(frame.pixels, full) > 0.999


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(make: Any, limits: MediaLimits, extension: str, orientation: int) -> None:
    upright = make.halves(64, 48)
    upright.paste((20, 200, 40), (0, 0, 16, 12))  # a green corner, top left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = make.picture(f"a.{extension}", stored, exif=exif)
    facts, frame = decode_picture(path, 32, limits)
    assert (facts.width, facts.height) == (64, 48)
    small = Image.open(io.BytesIO(thumbnail(path, 32, limits)))
    assert small.size == (32, 24)
    for pixels in (frame.pixels, np.asarray(small)):
        assert near(pixels[3, 3], (20, 200, 40), 60)
        assert near(pixels[-4, 3], RED, 60)
        assert near(pixels[3, -4], BLUE, 60)


def _palette(image: Image.Image) -> Image.Image:
    return image.convert("P", palette=Image.Palette.ADAPTIVE)


def _deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("name", "convert"),
    [
        ("cmyk.jpg", lambda image: image.convert("CMYK")),
        ("grey.jpg", lambda image: image.convert("L")),
        ("palette.png", _palette),
        ("bilevel.png", lambda image: image.convert("1")),
        ("deep.png", _deep),
        ("deep.tif", _deep),
        ("float.tif", lambda image: Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 255)),
        ("integer.tif", lambda image: Image.fromarray(np.asarray(image.convert("L")).astype(np.int32))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_mode_comes_out_as_it_looks(
    make: Any, limits: MediaLimits, name: str, convert: Callable[[Image.Image], Image.Image]
) -> None:
    image = Image.new("RGB", (64, 48), "white")
    image.paste("black", (0, 0, 32, 48))
    _, frame = decode_picture(make.picture(name, convert(image)), 32, limits)
    assert near(frame.pixels[16, 4], (0, 0, 0))
    assert near(frame.pixels[16, 27], (255, 255, 255))


@pytest.mark.parametrize(("mode", "name"), [("RGBA", "a.png"), ("LA", "a.png"), ("RGBA", "a.webp"), ("RGBA", "a.gif")])
def test_transparency_is_white(make: Any, limits: MediaLimits, mode: str, name: str) -> None:
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 48))
    _, frame = decode_picture(make.picture(name, image if mode == "RGBA" else image.convert(mode)), 32, limits)
    assert near(frame.pixels[16, 4], (0, 0, 0))
    assert near(frame.pixels[16, 27], (255, 255, 255))


def test_the_first_frame_of_many_is_taken(make: Any, limits: MediaLimits) -> None:
    pages = [Image.new("RGB", (64, 48), color) for color in (RED, BLUE)]
    for name in ("a.gif", "a.tif"):
        _, frame = decode_picture(make.picture(name, pages[0], save_all=True, append_images=pages[1:]), 32, limits)
        assert near(frame.pixels[16, 16], RED)


def test_a_giant_is_refused_from_its_header(make: Any, limits: MediaLimits) -> None:
    path = make.giant_png("a.png")
    with pytest.raises(MediaLimitError, match=r"30000 x 30000 pixels \(900 million\); at most 400 million"):
        decode_picture(path, 224, limits)


def test_our_pixel_limit_stands_and_not_pillows(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    path = make.picture("a.png", make.halves(100, 100))
    assert decode_picture(path, 32, MediaLimits(pixels=10_000))[0].width == 100
    with pytest.raises(MediaLimitError, match="100 x 100 pixels"):
        decode_picture(path, 32, MediaLimits(pixels=9_999))
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_too_many_bytes_are_refused(make: Any) -> None:
    with pytest.raises(MediaLimitError, match="a picture may have at most 100"):
        decode_picture(make.picture("a.png", make.photo(64, 48)), 32, MediaLimits(picture_bytes=100))


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "gif", "tif", "bmp"])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_picture_cut_short_is_bad_and_never_half_grey(
    make: Any, limits: MediaLimits, extension: str, share: float
) -> None:
    path: Path = make.picture(f"a.{extension}", make.photo(200, 150))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadMediaError, match="damaged or cut short"):
        decode_picture(path, 32, limits)


def test_text_named_jpg_is_bad(tmp_path: Path, limits: MediaLimits) -> None:
    (tmp_path / "a.jpg").write_text("Dear diary,\n" * 50)
    with pytest.raises(BadMediaError, match="the content is not a picture; expected JPEG"):
        decode_picture(tmp_path / "a.jpg", 32, limits)


def test_a_program_for_a_printer_is_not_run(tmp_path: Path, limits: MediaLimits) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")
    with pytest.raises(BadMediaError, match="not a picture"):
        decode_picture(tmp_path / "a.jpg", 32, limits)


def test_a_vanished_picture_is_of_the_moment(tmp_path: Path, limits: MediaLimits) -> None:
    with pytest.raises(TransientMediaError, match="vanished"):
        decode_picture(tmp_path / "gone.jpg", 32, limits)


def test_a_thumbnail_keeps_proportions_and_never_enlarges(make: Any, limits: MediaLimits) -> None:
    path = make.picture("a.jpg", make.halves(200, 50))
    assert Image.open(io.BytesIO(thumbnail(path, 100, limits))).size == (100, 25)
    assert Image.open(io.BytesIO(thumbnail(path, 1000, limits))).size == (200, 50)


def test_a_thumbnail_tells_nothing_of_where_it_was_taken(make: Any, limits: MediaLimits) -> None:
    exif = Image.Exif()
    exif[0x0110] = "Camera of mine"
    path = make.picture("a.jpg", exif=exif)
    assert b"Camera of mine" not in thumbnail(path, 32, limits)


def test_originals_are_not_touched(make: Any, limits: MediaLimits) -> None:
    path: Path = make.picture("a.jpg")
    before, stat = path.read_bytes(), path.stat()
    decode_picture(path, 32, limits)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, stat.st_mtime_ns)
