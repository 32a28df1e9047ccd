"""What an asset's row says, as a person reads it: names and values, and a link to a map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from retrieval.types import MediaFacts, MediaKind
from ui.wording import clock, megabytes

__all__ = ["Fact", "facts_of", "map_link"]

_MAP = "https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}#map=14/{latitude}/{longitude}"
_MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Fact:
    """``Camera``: ``Nikon D90``."""

    name: str
    value: str


def facts_of(facts: MediaFacts, name: str, size_bytes: int, modified_at: datetime) -> list[Fact]:
    """What is known of a file called ``name``; what isn't known is left out."""
    found = [
        ("Taken", _day_and_time(facts.taken_at) if facts.taken_at else None),
        ("File from", None if facts.taken_at else _day_and_time(modified_at)),
        ("Length", clock(facts.duration_seconds) if facts.duration_seconds else None),
        ("Size", " · ".join(_sizes(facts))),
        ("File", " · ".join(_file(facts, name, size_bytes))),
        ("Camera", facts.camera),
        ("Lens", facts.lens),
        ("Rating", _stars(facts.words.rating)),
        ("People", ", ".join(facts.words.people)),
    ]
    return [Fact(name, value) for name, value in found if value]


def map_link(facts: MediaFacts) -> str | None:
    """Where on a map it was taken: an address to follow by hand, never to be loaded by the page."""
    if facts.latitude is None or facts.longitude is None:
        return None
    return _MAP.format(latitude=f"{facts.latitude:.5f}", longitude=f"{facts.longitude:.5f}")


def _day_and_time(at: datetime) -> str:
    return f"{at.day} {at:%B %Y, %H:%M}"


def _sizes(facts: MediaFacts) -> Iterator[str]:
    if facts.width and facts.height:
        yield f"{facts.width:,} × {facts.height:,}"
        if (pixels := facts.width * facts.height) >= _MILLION:
            yield f"{pixels / _MILLION:.1f} megapixels"
    if facts.frame_rate:
        yield f"{facts.frame_rate:.3g} frames a second"


def _file(facts: MediaFacts, name: str, size_bytes: int) -> Iterator[str]:
    yield megabytes(size_bytes) if size_bytes >= _MILLION / 10 else f"{size_bytes / 1000:,.1f} kB"
    if suffix := PurePath(name).suffix[1:]:
        yield suffix.upper()
    if facts.codec and facts.kind is not MediaKind.PICTURE:
        yield facts.codec


def _stars(rating: int | None) -> str | None:
    if rating is None:
        return None
    return "rejected" if rating < 0 else "★" * rating + "☆" * (5 - rating)
