"""HEIC, AVIF and RAW: which file is whose work, what is shown of it, and what is said where a decoder is absent."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import AvifImagePlugin, ExifTags, Image

from benchmarks.dng import RATIONAL, make_dng
from retrieval.errors import BadMediaError, MediaLimitError, MissingDecoderError
from retrieval.media import DecodeTask, Failed, Finished, MediaWorkers, ThumbnailMade, ThumbnailTask, kind_of
from retrieval.media.files import open_media
from retrieval.media.formats import PictureFamily, family_of, is_picture, load_avif, load_heif
from retrieval.media.picture import decode_picture, thumbnail
from retrieval.media.raw import _orientation
from retrieval.settings import MediaLimits
from retrieval.types import MediaKind

RED, BLUE = (220, 30, 30), (30, 60, 220)
NEEDED = [("heic", "HEIF"), ("avif", "AVIF")]
Make = Any


@pytest.fixture(autouse=True, scope="module")
def _heif_can_be_written() -> None:
    pillow_heif.register_heif_opener()


def near(pixel: Any, color: tuple[int, int, int], tolerance: int = 30) -> bool:
    return bool(np.abs(np.asarray(pixel).astype(int) - color).max() <= tolerance)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, "JPEG", **options)
    return target.getvalue()


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def exif_of(orientation: int = 1, **photo: Any) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker", "Model X"
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2021:07:04 18:30:05"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 51.0, 29.6), 3: "W", 4: (2.0, 17.0, 40.2)})
    return exif.tobytes()


# -- HEIC and AVIF ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("extension", "codec"), NEEDED)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phones_picture_is_turned_once_and_tells_its_facts(
    make: Make, limits: MediaLimits, extension: str, codec: str, orientation: int
) -> None:
    stored = make.halves(96, 48)
    # As a phone writes it: the turn stands in the container (irot, imir) and in the EXIF.
    path = make.picture(f"a.{extension}", stored, format=codec, exif=exif_of(orientation), quality=90)
    plain = make.picture("a.jpg", stored, exif=exif_of(orientation), quality=95)
    facts, frame = decode_picture(path, 32, limits)
    expected, expected_frame = decode_picture(plain, 32, limits)
    assert (facts.width, facts.height) == (expected.width, expected.height)
    assert np.abs(frame.pixels.astype(int) - expected_frame.pixels).mean() < 8
    assert (facts.kind, facts.codec) == (MediaKind.PICTURE, codec.lower())
    assert (facts.taken_at, facts.camera) == (datetime(2021, 7, 4, 18, 30, 5), "Maker Model X")
    assert facts.latitude == pytest.approx(48.858222, abs=1e-4)


def test_a_thumbnail_within_a_heic_is_taken_where_it_serves(
    make: Make, limits: MediaLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = make.photo(1280, 960)
    path = make.picture("a.heic", photo, format="HEIF", thumbnails=[320], exif=exif_of(6))
    loaded: list[tuple[int, int]] = []
    load = pillow_heif.HeifImageFile.load

    def watched(self: Any) -> Any:
        loaded.append(self.size)
        return load(self)

    monkeypatch.setattr(pillow_heif.HeifImageFile, "load", watched)
    facts, frame = decode_picture(path, 224, limits)
    assert (facts.width, facts.height) == (960, 1280)
    assert max(loaded[0]) == 320
    full = np.asarray(photo.transpose(Image.Transpose.ROTATE_270).resize((224, 224), Image.Resampling.BICUBIC))
    assert np.abs(frame.pixels.astype(int) - full).mean() < 6
    loaded.clear()
    assert Image.open(io.BytesIO(thumbnail(path, 480, limits))).size == (360, 480)
    assert max(loaded[0]) == 1280


@pytest.mark.parametrize(("extension", "codec"), NEEDED)
def test_transparency_and_limits_are_as_everywhere(make: Make, limits: MediaLimits, extension: str, codec: str) -> None:
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 48))
    path = make.picture(f"a.{extension}", image, format=codec)
    _, frame = decode_picture(path, 32, limits)
    assert near(frame.pixels[16, 4], (0, 0, 0))
    assert near(frame.pixels[16, 27], (255, 255, 255))
    with pytest.raises(MediaLimitError, match="64 x 48 pixels"):
        decode_picture(path, 32, MediaLimits(pixels=64 * 48 - 1))


@pytest.mark.parametrize(("extension", "codec"), NEEDED)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_one_that_is_cut_short_is_bad(
    make: Make, limits: MediaLimits, extension: str, codec: str, share: float
) -> None:
    path: Path = make.picture(f"a.{extension}", make.photo(300, 200), format=codec)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BadMediaError, match="damaged or cut short"):
        decode_picture(path, 32, limits)


def test_a_decoder_of_our_own_threads_is_asked_for_one(make: Make, limits: MediaLimits) -> None:
    decode_picture(make.picture("a.heic", format="HEIF"), 32, limits)
    decode_picture(make.picture("a.avif", format="AVIF"), 32, limits)
    assert (pillow_heif.options.DECODE_THREADS, AvifImagePlugin.DEFAULT_MAX_THREADS) == (1, 1)


# -- RAW ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_file_is_seen_by_its_preview(make: Make, tmp_path: Path, limits: MediaLimits, orientation: int) -> None:
    halves = make.halves(640, 480)
    path = write(tmp_path, "a.dng", make_dng(jpeg(halves), (640, 480), size=(1280, 960), orientation=orientation))
    facts, frame = decode_picture(path, 32, limits)
    plain = make.picture("a.jpg", halves, exif=exif_of(orientation), quality=95)
    assert np.abs(frame.pixels.astype(int) - decode_picture(plain, 32, limits)[1].pixels).mean() < 8
    assert (facts.width, facts.height) == ((960, 1280) if orientation >= 5 else (1280, 960))
    assert (facts.kind, facts.codec, facts.camera) == (MediaKind.PICTURE, "raw", "Maker Model X")


def test_a_previews_own_orientation_goes_first(make: Make, tmp_path: Path, limits: MediaLimits) -> None:
    upright = jpeg(make.halves(640, 480), exif=exif_of(1))
    upright = upright[:2] + upright[20:]  # EXIF comes first, as a camera writes it
    path = write(tmp_path, "a.dng", make_dng(upright, (640, 480), size=(1280, 960), orientation=3))
    _, frame = decode_picture(path, 32, limits)
    assert near(frame.pixels[16, 4], RED)


@pytest.mark.parametrize(
    ("preview_size", "exif", "flip", "orientation"),
    [
        ((640, 480), b"", 6, 6),
        ((640, 480), b"", 5, 8),
        ((640, 480), b"", 3, 3),
        ((640, 480), b"", 0, 1),
        ((640, 480), b"", 77, 1),
        ((640, 480), exif_of(8), 6, 8),
        ((480, 640), b"", 6, 1),
        ((480, 640), exif_of(6), 6, 1),
    ],
    ids=["right", "left", "over", "upright", "nonsense", "its own", "turned already", "turned, and says so still"],
)
def test_how_a_preview_is_turned(preview_size: tuple[int, int], exif: bytes, flip: int, orientation: int) -> None:
    """As cameras' files may be, of which none can be made here: LibRaw is played by its answers."""
    preview = Image.open(io.BytesIO(jpeg(Image.new("RGB", preview_size), exif=exif)))
    assert _orientation(preview, SimpleNamespace(width=6000, height=4000, flip=flip)) == orientation


def test_facts_of_a_raw_file_come_from_its_structure(make: Make, tmp_path: Path, limits: MediaLimits) -> None:
    photo = [(36867, 2, b"2021:07:04 18:30:05\0"), (42036, 2, b"50mm f/1.8\0")]
    place = [
        (1, 2, b"S\0"),
        (2, RATIONAL, [(48, 1), (51, 1), (296, 10)]),
        (3, 2, b"E\0"),
        (4, RATIONAL, [(2, 1), (17, 1), (402, 10)]),
    ]
    content = make_dng(jpeg(make.halves(640, 480)), (640, 480), photo=photo, place=place)
    facts, _ = decode_picture(write(tmp_path, "a.dng", content), 32, limits)
    assert (facts.taken_at, facts.lens) == (datetime(2021, 7, 4, 18, 30, 5), "50mm f/1.8")
    assert facts.latitude == pytest.approx(-48.858222, abs=1e-4)
    assert facts.longitude == pytest.approx(2.2945, abs=1e-4)


@pytest.mark.parametrize("preview_size", [None, (160, 120)], ids=["no preview", "a tiny one"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_raw_file_without_a_preview_that_serves_is_developed(
    make: Make, tmp_path: Path, limits: MediaLimits, preview_size: tuple[int, int] | None, orientation: int
) -> None:
    preview = None if preview_size is None else jpeg(Image.new("RGB", preview_size, "green"))
    content = make_dng(preview, preview_size or (0, 0), size=(1200, 900), orientation=orientation)
    facts, frame = decode_picture(write(tmp_path, "a.dng", content), 32, limits)
    bright, dark = {1: ((16, 4), (16, 27)), 3: ((16, 27), (16, 4)), 6: ((4, 16), (27, 16))}[orientation]
    assert near(frame.pixels[bright], (255, 255, 255))
    assert frame.pixels[dark].max() < 150
    assert (facts.width, facts.height) == ((900, 1200) if orientation == 6 else (1200, 900))


def test_a_raw_file_over_the_pixel_limit_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "a.dng", make_dng(None, size=(1200, 900)))
    with pytest.raises(MediaLimitError, match="1200 x 900 pixels"):
        decode_picture(path, 32, MediaLimits(pixels=1_000_000))


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6])
def test_a_raw_file_cut_short_fails_plainly(make: Make, tmp_path: Path, limits: MediaLimits, share: float) -> None:
    content = make_dng(jpeg(make.photo(640, 480)), (640, 480), size=(1280, 960))
    path = write(tmp_path, "a.dng", content[: int(len(content) * share)])
    with pytest.raises(
        BadMediaError, match=r"a RAW file that is damaged or of an unknown camera \(.+\); copy it again"
    ):
        decode_picture(path, 32, limits)


@pytest.mark.parametrize("name", ["a.cr2", "a.cr3", "a.nef", "a.arw", "a.raf", "a.orf", "a.rw2", "a.pef", "a.srw"])
def test_raw_files_of_cameras_are_known_by_name(name: str) -> None:
    assert kind_of(name) is MediaKind.PICTURE
    assert kind_of(name.upper()) is MediaKind.PICTURE


@pytest.mark.parametrize(
    ("name", "head", "family"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", PictureFamily.HEIF),
        ("a.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", PictureFamily.HEIF),
        ("a.avif", b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", PictureFamily.AVIF),
        ("a.avif", b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", PictureFamily.AVIF),
        ("a.heif", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", PictureFamily.HEIF),
        ("a.cr3", b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", PictureFamily.RAW),
        ("a.cr2", b"II*\0\x10\0\0\0CR\x02\0", PictureFamily.RAW),
        ("a.raf", b"FUJIFILMCCD-RAW 0201FF", PictureFamily.RAW),
        ("a.orf", b"IIRO\x08\0\0\0", PictureFamily.RAW),
        ("a.rw2", b"IIU\0\x18\0\0\0", PictureFamily.RAW),
        ("a.NEF", b"MM\0*\0\0\0\x08", PictureFamily.RAW),
        ("a.tif", b"MM\0*\0\0\0\x08", PictureFamily.PLAIN),
        ("a.dng", b"\xff\xd8\xff\xe0", PictureFamily.PLAIN),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isommp42", PictureFamily.PLAIN),
        ("a.jpg", b"x", PictureFamily.PLAIN),
    ],
)
def test_the_content_tells_whose_work_a_picture_is(
    tmp_path: Path, name: str, head: bytes, family: PictureFamily
) -> None:
    with open_media(write(tmp_path, name, head)) as media:
        assert family_of(media) is family


def test_a_video_is_no_picture(make: Make) -> None:
    with open_media(make.video("a.mp4", make.shots(0.2))) as media:
        assert not is_picture(media)
    for name in ("a.jpg", "a.png", "a.gif", "a.webp", "a.bmp", "a.tif", "a.avif", "a.heic"):
        with open_media(make.picture(name)) as media:
            assert is_picture(media), name


# -- an absent decoder ------------------------------------------------------------------------------------------------


def _dng(make: Make, folder: Path) -> Path:
    return write(folder, "a.dng", make_dng(jpeg(make.halves(640, 480)), (640, 480)))


ABSENT: list[tuple[str, Callable[[Make, Path], Path], str]] = [
    ("pillow_heif", lambda make, _: make.picture("a.heic", format="HEIF"), r"need pillow-heif.*'vidi\[heif\]'"),
    ("rawpy", _dng, r"need rawpy.*'vidi\[raw\]'"),
    (
        "PIL.AvifImagePlugin",
        lambda make, _: make.picture("a.avif", format="AVIF"),
        r"need Pillow 11\.3.*'pillow>=11\.3'",
    ),
]


@pytest.mark.parametrize(("module", "file", "message"), ABSENT, ids=["heif", "raw", "avif"])
def test_an_absent_decoder_is_named_with_its_command(
    make: Make,
    tmp_path: Path,
    limits: MediaLimits,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    file: Callable[[Make, Path], Path],
    message: str,
) -> None:
    path = file(make, tmp_path)
    load_heif.cache_clear()
    load_avif.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    if module == "PIL.AvifImagePlugin":
        monkeypatch.delattr("PIL.AvifImagePlugin")
    with pytest.raises(MissingDecoderError, match=message):
        decode_picture(path, 32, limits)
    monkeypatch.undo()
    assert decode_picture(path, 32, limits)[0].width


def test_workers_tell_of_an_absent_decoder_and_go_on(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hidden").mkdir()
    for name in ("pillow_heif", "rawpy"):
        write(tmp_path / "hidden", f"{name}.py", b"raise ImportError('hidden')\n")
    monkeypatch.syspath_prepend(tmp_path / "hidden")
    paths = [make.picture("a.heic", format="HEIF"), _dng(make, tmp_path), make.picture("b.jpg")]
    with MediaWorkers(processes=1) as workers:
        outcomes = [workers.run(DecodeTask(key, path, MediaKind.PICTURE))[-1] for key, path in enumerate(paths)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert [type(outcome.error) for outcome in failed] == [MissingDecoderError] * 2
    assert all(outcome.is_permanent for outcome in failed)  # until the versions of the decoders change
    assert isinstance(outcomes[2], Finished)


def test_workers_decode_them_all_within_their_limits(make: Make, tmp_path: Path) -> None:
    paths = [
        make.picture("a.heic", make.photo(3000, 2000), format="HEIF", quality=50),
        make.picture("a.avif", make.photo(3000, 2000), format="AVIF", quality=50, speed=10),
        write(tmp_path, "a.dng", make_dng(None, size=(3000, 2000))),
    ]
    with MediaWorkers(processes=1) as workers:
        for key, path in enumerate(paths):
            assert isinstance(workers.run(DecodeTask(key, path, MediaKind.PICTURE))[-1], Finished), path
            assert isinstance(workers.run(ThumbnailTask(key, path, 480))[-1], ThumbnailMade), path


def test_decoders_are_not_loaded_before_they_are_needed(make: Make) -> None:
    script = (
        "import sys; from retrieval.media.picture import decode_picture; from retrieval.settings import MediaLimits\n"
        "decode_picture(sys.argv[1], 32, MediaLimits())\n"
        "print([name for name in ('pillow_heif', 'rawpy', 'PIL.AvifImagePlugin', 'av') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(make.picture("a.jpg"))]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
