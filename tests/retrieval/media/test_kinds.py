from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.media import kind_of
from retrieval.types import MediaKind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", MediaKind.PICTURE),
        ("A.JPEG", MediaKind.PICTURE),
        (b"not \xff utf-8.png", MediaKind.PICTURE),
        (Path("folder.txt/line\nbreak.WebP"), MediaKind.PICTURE),
        ("holiday.2020.mkv", MediaKind.VIDEO),
        ("a.m2ts", MediaKind.VIDEO),
        ("song.flac", MediaKind.SOUND),
        ("letter.txt", None),
        ("jpg", None),
        (".png", None),
        ("folder.jpg/letter", None),
    ],
)
def test_kind_is_told_by_the_extension_alone(name: str | bytes | Path, kind: MediaKind | None) -> None:
    assert kind_of(name) == kind
