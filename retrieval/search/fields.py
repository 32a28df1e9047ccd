"""The fields of the query language: what each takes, and the condition that a value means."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from retrieval.search.filters import make_filter, parse_time
from retrieval.store.file_filter import (
    Bears,
    Camera,
    Compared,
    Depicts,
    FileFilter,
    FileName,
    HasPlace,
    HasSound,
    HasWords,
    InFolder,
    Lens,
    Near,
    OfKind,
    Quantity,
    Says,
    Sign,
    Spoken,
    Suffix,
    Taken,
    all_of,
)
from retrieval.types import MediaKind, TextSource

__all__ = ["FIELDS", "INSTEAD", "FieldRule"]


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How the value of a field is read. ``read`` raises ValueError or QueryError for what is none."""

    read: Callable[[str], FileFilter]
    expected: str
    """What a value looks like, as it stands after "expected"."""


# -- plain values ------------------------------------------------------------------------------------------------

_KINDS = {kind.value: kind for kind in MediaKind} | {f"{kind.value}s": kind for kind in MediaKind}
_KINDS |= {"photo": MediaKind.PICTURE, "photos": MediaKind.PICTURE, "image": MediaKind.PICTURE}


def _kind(value: str) -> FileFilter:
    return OfKind(_KINDS[value.casefold()])


def _text(make: Callable[[str], FileFilter], value: str) -> FileFilter:
    if not any(map(str.isalnum, value)):
        raise ValueError("no letter")
    return make(value.strip())


def _suffix(value: str) -> FileFilter:
    if not value.strip(". ") or "/" in value:
        raise ValueError("no suffix")
    return Suffix(value.strip(". "))


def _under(value: str) -> FileFilter:
    """A place on this machine, or, where it is neither absolute nor begins with ``.`` or ``~``, folders so called."""
    if not value.strip("/ "):
        raise ValueError("no folder")
    return make_filter(under=value) if value[0] in "/.~" else InFolder(value)


_THINGS: Mapping[str, FileFilter] = MappingProxyType(
    {
        "sound": HasSound(),
        "place": HasPlace(),
        "speech": HasWords(TextSource.SPEECH),
        "text": HasWords(TextSource.OCR),
    }
)


def _has(value: str) -> FileFilter:
    return _THINGS[value.casefold()]


# -- time and place ----------------------------------------------------------------------------------------------

_ONES = {4: "year", 7: "month", 10: "day", 13: "hour", 16: "minute"}


def _after(value: str) -> FileFilter:
    return Taken(after=parse_time(value, "after"))


def _before(value: str) -> FileFilter:
    return Taken(before=parse_time(value, "before"))


def _on(value: str) -> FileFilter:
    """The whole of the year, month, day or minute."""
    start = parse_time(value, "on")
    assert start is not None
    is_day = not set(value) & set("Tt: ")
    return Taken(start, _end_of(start, _ONES.get(len(value.strip()), "day" if is_day else "second")))


def _end_of(start: datetime, unit: str) -> datetime:
    match unit:
        case "year":
            return start.replace(year=start.year + 1)
        case "month":
            return (start + timedelta(days=32)).replace(day=1)
        case _:
            return start + timedelta(**{f"{unit}s": 1})


_PLACE = re.compile(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?),(\d+(?:\.\d+)?)\s*(m|km|mi)", re.ASCII | re.IGNORECASE)
_METRES = {"m": 1.0, "km": 1000.0, "mi": 1609.344}


def _near(value: str) -> FileFilter:
    found = _PLACE.fullmatch("".join(value.split()))
    if found is None:
        raise ValueError("no place")
    latitude, longitude = float(found[1]), float(found[2])
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise ValueError("no place on earth")
    return Near(latitude, longitude, float(found[3]) * _METRES[found[4].lower()])


# -- numbers -----------------------------------------------------------------------------------------------------

_BOUND = re.compile(r"(<=|>=|<|>|=)?(.+)", re.DOTALL)
_SPAN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?:in)?)?(?:(\d+(?:\.\d+)?)s)?", re.ASCII | re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)", re.ASCII)


def _compared(quantity: Quantity, number: Callable[[str], float], step: float, scale: float, value: str) -> FileFilter:
    """``>30``, ``<=30``, ``20..30`` (both ends included), or ``30``: within half a ``step`` of it."""
    lower, dots, upper = value.partition("..")
    if dots:
        bounds = (
            Compared(quantity, Sign.AT_LEAST, scale * number(lower)),
            Compared(quantity, Sign.AT_MOST, scale * number(upper)),
        )
        return all_of(*bounds)
    sign, amount = _bound(value)
    if sign in ("", "="):
        middle = number(amount)
        return all_of(
            Compared(quantity, Sign.AT_LEAST, scale * (middle - step / 2)),
            Compared(quantity, Sign.BELOW, scale * (middle + step / 2)),
        )
    return Compared(quantity, Sign(sign), scale * number(amount))


def _bound(value: str) -> tuple[str, str]:
    found = _BOUND.fullmatch(value.strip())
    if found is None:
        raise ValueError("no number")
    return found[1] or "", found[2].strip()


def _plain(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or abs(number) > 1e12:
        raise ValueError("no number that anything has")
    return number


def _stars(text: str) -> float:
    number = int(text)
    if not -1 <= number <= 5:
        raise ValueError("no rating")
    return number


def _seconds(text: str) -> float:
    """``90``, ``90s``, ``1m30s``, ``1.5min``, ``2h``, ``1:30`` or ``1:02:03``."""
    if clock := _CLOCK.fullmatch(text.strip()):
        hours, minutes, seconds = clock.groups()
    elif text.strip() and (span := _SPAN.fullmatch("".join(text.split()))):
        hours, minutes, seconds = span.groups()
    else:
        return _plain(text)
    return _plain(str(3600 * float(hours or 0) + 60 * float(minutes or 0) + float(seconds or 0)))


_TIME = "a time such as 2024, 2024-06, 2024-06-01 or 2024-06-01T18:30"
_LENGTH = "a length such as >30s, <=2m, 1:30 or 10s..1m"
_STARS = "stars, as in 5, >=4 or 3..5; -1 is rejected"
_PIXELS = ", as in >=1920, <800 or 1000..2000"

FIELDS: Mapping[str, FieldRule] = MappingProxyType(
    {
        "kind": FieldRule(_kind, "picture, video or sound"),
        "after": FieldRule(_after, _TIME),
        "before": FieldRule(_before, _TIME),
        "on": FieldRule(_on, _TIME),
        "under": FieldRule(_under, "a folder such as Holidays, ~/Pictures or /media/disk"),
        "tag": FieldRule(partial(_text, Bears), "a tag such as dog"),
        "person": FieldRule(partial(_text, Depicts), "a name such as Anna"),
        "text": FieldRule(partial(_text, Says), 'words such as "happy birthday"'),
        "camera": FieldRule(partial(_text, Camera), "a part of a camera's name, such as nikon"),
        "lens": FieldRule(partial(_text, Lens), "a part of a lens's name, such as 50mm"),
        "name": FieldRule(partial(_text, FileName), "a part of a file's name, such as IMG_12 or IMG*.jpg"),
        "ext": FieldRule(_suffix, "the end of a file's name, such as jpg"),
        "near": FieldRule(_near, "latitude,longitude,radius in degrees and m, km or mi, such as 48.85,2.35,10km"),
        "duration": FieldRule(partial(_compared, Quantity.DURATION_SECONDS, _seconds, 1, 1), _LENGTH),
        "width": FieldRule(partial(_compared, Quantity.WIDTH, _plain, 1, 1), f"pixels{_PIXELS}"),
        "height": FieldRule(partial(_compared, Quantity.HEIGHT, _plain, 1, 1), f"pixels{_PIXELS}"),
        "megapixels": FieldRule(partial(_compared, Quantity.PIXELS, _plain, 1, 1e6), "a number, as in >=12 or 8..20"),
        "rating": FieldRule(partial(_compared, Quantity.RATING, _stars, 1, 1), _STARS),
        "has": FieldRule(_has, "sound, speech, text or place"),
        "said": FieldRule(partial(_text, Spoken), 'words such as "happy birthday"'),
    }
)  # fmt: skip

INSTEAD: Mapping[str, str] = MappingProxyType(
    {
        "type": "kind",
        "since": "after",
        "until": "before",
        "date": "on",
        "folder": "under",
        "path": "under",
        "keyword": "tag",
        "label": "tag",
        "people": "person",
        "who": "person",
        "caption": "text",
        "ocr": "text",
        "written": "text",
        "says": "said",
        "speech": "said",
        "spoken": "said",
        "transcript": "said",
        "file": "name",
        "filename": "name",
        "format": "ext",
        "extension": "ext",
        "place": "near",
        "length": "duration",
        "size": "megapixels",
        "stars": "rating",
    }
)
"""What other programs call a field, and what it is called here."""
