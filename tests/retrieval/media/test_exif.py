from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from benchmarks.dng import ASCII, LONG, RATIONAL, make_dng
from retrieval.media import exif
from retrieval.media.picture import decode_picture
from retrieval.settings import MediaLimits
from retrieval.types import MediaFacts


def facts_with(make: Any, main: dict[int, Any], photo: dict[int, Any], gps: dict[int, Any] | None = None) -> MediaFacts:
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(ExifTags.IFD.Exif).update(photo)
    if gps is not None:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    path: Path = make.picture("a.jpg", exif=exif)
    return decode_picture(path, 32, MediaLimits())[0]


def test_time_place_camera_and_lens_are_told(make: Any) -> None:
    facts = facts_with(
        make,
        {ExifTags.Base.Make: "Canon", ExifTags.Base.Model: "Canon EOS 5D"},
        {ExifTags.Base.DateTimeOriginal: "2021:07:04 18:30:05", ExifTags.Base.LensModel: "EF 50mm f/1.8\0\0"},
        {1: "N", 2: (48.0, 51.0, 29.6), 3: "W", 4: (2.0, 17.0, 40.2)},
    )
    assert facts.taken_at == datetime(2021, 7, 4, 18, 30, 5)
    assert facts.latitude == pytest.approx(48.858222, abs=1e-4)
    assert facts.longitude == pytest.approx(-2.2945, abs=1e-4)
    assert (facts.camera, facts.lens) == ("Canon EOS 5D", "EF 50mm f/1.8")


@pytest.mark.parametrize(
    ("maker", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("Apple", None, "Apple"),
        (None, "X100", "X100"),
        ("\0 ", "\n", None),
    ],
)
def test_a_camera_is_named_once(make: Any, maker: str | None, model: str | None, camera: str | None) -> None:
    tags = {ExifTags.Base.Make: maker, ExifTags.Base.Model: model}
    assert facts_with(make, {tag: text for tag, text in tags.items() if text is not None}, {}).camera == camera


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:00 00:00:00",
        "0000:01:01 00:00:00",
        "0001:01:01 00:00:00",
        "1700:01:01 00:00:00",
        "2999:01:01 00:00:00",
        "9999:12:31 23:59:59",
        "2020:02:30 10:00:00",
        "2020:01:01 24:61:61",
        "-2020:01:01 10:00:00",
        "soon",
        "",
    ],
)
def test_an_absurd_time_is_none(make: Any, text: str) -> None:
    assert facts_with(make, {}, {ExifTags.Base.DateTimeOriginal: text}).taken_at is None


@pytest.mark.parametrize(
    "gps",
    [
        {1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)},
        {1: "N", 2: (1.0, 0.0, 0.0), 3: "E", 4: (181.0, 0.0, 0.0)},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (48.0, 0.0, 0.0)},
        {2: (48.0,), 4: (2.0,)},
        {1: "N", 2: (4000.0, 0.0, 0.0), 3: "E", 4: (2.0, 0.0, 0.0)},
        {1: "N", 2: (4294967295.0, 4294967295.0, 4294967295.0), 3: "E", 4: (2.0, 0.0, 0.0)},
    ],
    ids=[
        "off the globe north",
        "off the globe east",
        "cold receiver",
        "half",
        "malformed",
        "4000 degrees",
        "largest",
    ],
)
def test_an_absurd_place_is_none(make: Any, gps: dict[int, Any]) -> None:
    facts = facts_with(make, {}, {}, gps)
    assert (facts.latitude, facts.longitude) == (None, None)


def test_damaged_exif_costs_no_picture(make: Any) -> None:
    path: Path = make.picture("a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xee" * 40)
    facts, frame = decode_picture(path, 32, MediaLimits())
    assert (facts.taken_at, frame.pixels.shape) == (None, (32, 32, 3))


EAST = [(3, ASCII, b"E\0"), (4, RATIONAL, [(2, 1), (0, 1), (0, 1)])]


@pytest.mark.parametrize(
    "north",
    [
        (2, RATIONAL, [(48, 0), (0, 1), (0, 1)]),
        (2, RATIONAL, [(48, 1), (0, 0), (0, 1)]),
        (2, RATIONAL, [(2**32 - 1, 1)] * 3),
        (2, RATIONAL, [(48, 1)]),
        (2, RATIONAL, []),
        (2, ASCII, b"forty-eight degrees\0"),
        (2, LONG, [2**32 - 1] * 3),
    ],
    ids=["over zero", "zero over zero", "largest", "one part", "no parts", "words", "whole numbers"],
)
def test_numbers_that_are_none_give_no_place_and_cost_nothing_else(make: Any, north: tuple[int, int, Any]) -> None:
    """Written byte by byte, for Pillow writes no such thing."""
    photo = [(ExifTags.Base.DateTimeOriginal, ASCII, b"2021:07:04 18:30:05\0")]
    tiff = make_dng(None, size=(8, 8), photo=photo, place=[(1, ASCII, b"N\0"), north, *EAST])
    facts, _ = decode_picture(make.picture("a.jpg", exif=b"Exif\0\0" + tiff), 32, MediaLimits())
    assert (facts.latitude, facts.longitude) == (None, None)
    assert (facts.taken_at, facts.camera) == (datetime(2021, 7, 4, 18, 30, 5), "Maker Model X")


def test_the_same_bytes_with_a_place_that_is_one_are_believed(make: Any) -> None:
    place = [(1, ASCII, b"N\0"), (2, RATIONAL, [(48, 1), (30, 1), (0, 1)]), *EAST]
    exif = b"Exif\0\0" + make_dng(None, size=(8, 8), place=place)
    facts, _ = decode_picture(make.picture("a.jpg", exif=exif), 32, MediaLimits())
    assert (facts.latitude, facts.longitude) == (48.5, 2.0)


def test_a_clock_that_has_lost_its_time_costs_no_picture_its_date(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(1970, 1, 1, tzinfo=tz)

    monkeypatch.setattr(exif, "datetime", Lost)
    taken = facts_with(make, {}, {ExifTags.Base.DateTimeOriginal: "2021:07:04 18:30:05"}).taken_at
    assert taken == datetime(2021, 7, 4, 18, 30, 5)
    assert facts_with(make, {}, {ExifTags.Base.DateTimeOriginal: "2031:07:04 18:30:05"}).taken_at is None
