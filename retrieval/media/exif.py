"""What a picture's EXIF says of when, where and with what it was taken; nothing of it is trusted.

Tags: CIPA DC-008 (Exif 3.0), tables 4 to 17.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PIL import ExifTags, Image

__all__ = ["Shot", "camera_name", "orientation_of", "plain_text", "read_shot", "sensible_place", "sensible_time"]

EARLIEST_YEAR = 1826
"""The year of the oldest photograph that survives: an earlier date is a camera's mistake."""
_WRITTEN = datetime(2026, 1, 1)
"""When this was written: a clock that shows an earlier time has lost it, and must cost no picture its date."""
LONGEST_TEXT = 120


@dataclass(frozen=True, slots=True)
class Shot:
    """When, where and with what a picture was taken; None where it is not told or not believable."""

    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    camera: str | None = None
    lens: str | None = None

    def or_else(self, other: Shot) -> Shot:
        """This, with what it doesn't know taken from ``other``; a place is taken whole."""
        place = self if self.latitude is not None else other
        return Shot(
            taken_at=self.taken_at or other.taken_at,
            latitude=place.latitude,
            longitude=place.longitude,
            camera=self.camera or other.camera,
            lens=self.lens or other.lens,
        )


def read_shot(exif: Image.Exif) -> Shot:
    """The facts of one picture. A damaged part costs only that part."""
    photo = _part(lambda: exif.get_ifd(ExifTags.IFD.Exif)) or {}
    place = _part(lambda: _place(exif.get_ifd(ExifTags.IFD.GPSInfo))) or (None, None)
    return Shot(
        taken_at=_part(lambda: _time(photo)),
        latitude=place[0],
        longitude=place[1],
        camera=_part(lambda: camera_name(exif.get(ExifTags.Base.Make), exif.get(ExifTags.Base.Model))),
        lens=_part(lambda: plain_text(photo.get(ExifTags.Base.LensModel))),
    )


def orientation_of(exif: Image.Exif) -> int:
    """EXIF orientation, 1 to 8; 1 (upright) where it is absent or nonsense."""
    value = _part(lambda: exif.get(ExifTags.Base.Orientation))
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _part(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception:  # noqa: BLE001 - Pillow's EXIF reader raises whatever a damaged tag leads it to
        return None


def _time(photo: Mapping[int, Any]) -> datetime | None:
    for tag in (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized):
        text = plain_text(photo.get(tag))
        if text is not None:
            return sensible_time(datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S"))
    return None


def sensible_time(time: datetime) -> datetime | None:
    """``time``, or None if no camera could have been there then: before photography, or in the future."""
    now = max(datetime.now(time.tzinfo), _WRITTEN.replace(tzinfo=time.tzinfo))
    latest = now + timedelta(days=1)  # a day's grace for zones and clocks set wrong
    return time if time.year >= EARLIEST_YEAR and time <= latest else None


def _place(gps: Mapping[int, Any]) -> tuple[float | None, float | None]:
    latitude = _degrees(gps[ExifTags.GPS.GPSLatitude], gps.get(ExifTags.GPS.GPSLatitudeRef), "S")
    longitude = _degrees(gps[ExifTags.GPS.GPSLongitude], gps.get(ExifTags.GPS.GPSLongitudeRef), "W")
    return sensible_place(latitude, longitude)


def _degrees(parts: Any, reference: Any, negative: str) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    return -value if (plain_text(reference) or "").upper().startswith(negative) else value


def sensible_place(latitude: float, longitude: float) -> tuple[float | None, float | None]:
    """Degrees north and east, or (None, None): off the globe, not a number, or the (0, 0) of a cold receiver."""
    on_globe = math.isfinite(latitude) and math.isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180
    return (latitude, longitude) if on_globe and (latitude, longitude) != (0.0, 0.0) else (None, None)


def camera_name(make: Any, model: Any) -> str | None:
    """ "Make Model", without the make twice: "Canon" and "Canon EOS 5D" is "Canon EOS 5D"."""
    maker, name = plain_text(make), plain_text(model)
    if maker is None or name is None:
        return maker or name
    return name if name.lower().startswith(maker.split()[0].lower()) else f"{maker} {name}"


def plain_text(value: Any) -> str | None:
    """A tag's text in one printable line of at most 120 characters, or None where nothing is left of it."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    printable = "".join(sign if sign.isprintable() else " " for sign in value.split("\0")[0])
    return " ".join(printable.split())[:LONGEST_TEXT] or None
