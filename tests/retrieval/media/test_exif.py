from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

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
    "text", ["0000:00:00 00:00:00", "1700:01:01 00:00:00", "2999:01:01 00:00:00", "2020:02:30 10:00:00", "soon", ""]
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
    ],
    ids=["off the globe north", "off the globe east", "cold receiver", "half", "malformed"],
)
def test_an_absurd_place_is_none(make: Any, gps: dict[int, Any]) -> None:
    facts = facts_with(make, {}, {}, gps)
    assert (facts.latitude, facts.longitude) == (None, None)


def test_damaged_exif_costs_no_picture(make: Any) -> None:
    path: Path = make.picture("a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + b"\xee" * 40)
    facts, frame = decode_picture(path, 32, MediaLimits())
    assert (facts.taken_at, frame.pixels.shape) == (None, (32, 32, 3))
