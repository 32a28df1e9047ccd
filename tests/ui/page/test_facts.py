"""What an asset's row says, as a person reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from retrieval.types import MediaFacts, MediaKind, Words
from ui.page.facts import facts_of, map_link

MODIFIED = datetime(2024, 5, 1, 8, 5)
PHOTO = MediaFacts(
    MediaKind.PICTURE, 4000, 3000, codec="jpeg", taken_at=datetime(2021, 6, 12, 14, 3), latitude=48.8584,
    longitude=2.2945, camera="Nikon D90", lens="50mm", words=Words(rating=4, people=("Anna", "Bo")),
)  # fmt: skip


def told(facts: MediaFacts, name: str = "IMG_1.jpg", size_bytes: int = 3_200_000) -> dict[str, str]:
    return {fact.name: fact.value for fact in facts_of(facts, name, size_bytes, MODIFIED)}


def test_a_photograph() -> None:
    assert told(PHOTO) == {
        "Taken": "12 June 2021, 14:03",
        "Size": "4,000 × 3,000 · 12.0 megapixels",
        "File": "3.2 MB · JPG",
        "Camera": "Nikon D90",
        "Lens": "50mm",
        "Rating": "★★★★☆",
        "People": "Anna, Bo",
    }


def test_a_video() -> None:
    video = MediaFacts(MediaKind.VIDEO, 640, 272, duration_seconds=75.0, frame_rate=25.0, codec="h264")
    assert told(video, "bikes.mp4", 40_000) == {
        "File from": "1 May 2024, 08:05",
        "Length": "1:15",
        "Size": "640 × 272 · 25 frames a second",
        "File": "40.0 kB · MP4 · h264",
    }


def test_what_is_not_known_is_left_out() -> None:
    assert told(MediaFacts(MediaKind.SOUND), "noise", 100) == {"File from": "1 May 2024, 08:05", "File": "0.1 kB"}


def test_a_rejected_one() -> None:
    assert told(replace(PHOTO, words=Words(rating=-1)))["Rating"] == "rejected"


def test_a_place_is_a_link_to_a_map() -> None:
    link = map_link(PHOTO)
    assert link == "https://www.openstreetmap.org/?mlat=48.85840&mlon=2.29450#map=14/48.85840/2.29450"


@pytest.mark.parametrize("part", ["latitude", "longitude"])
def test_half_a_place_is_none(part: str) -> None:
    assert map_link(replace(PHOTO, **{part: None})) is None
