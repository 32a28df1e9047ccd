"""What is read of one asset, and what failed since a moment."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from retrieval.store.asset_facts import AssetReader
from retrieval.store.catalog import Catalog
from retrieval.store.census import failures_since, indexed_roots, take_census
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import FailureRecord, MediaRecord, SegmentRecord
from retrieval.types import MediaFacts, MediaKind, Words

FACTS = MediaFacts(
    MediaKind.VIDEO,
    width=640,
    height=480,
    duration_seconds=8.0,
    frame_rate=25.0,
    has_sound=True,
    codec="h264",
    taken_at=datetime(2024, 6, 1, 12, 30),
    latitude=48.85,
    longitude=2.35,
    camera="Nikon D90",
    lens="35 mm",
    words=Words(title="Holiday", keywords=("sea",)),
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog(tmp_path / "library", create=True)


def find(catalog: Catalog, *paths: bytes) -> list[int]:
    intake = Intake(catalog, ("frames", "1"))
    intake.take_in([FoundFile(path, "video", 5, 7, number) for number, path in enumerate(paths)], [], [])
    known = intake.known(list(paths))
    return [known[path].id for path in paths]


@pytest.fixture
def asset(catalog: Catalog) -> int:
    """A video of two segments, in two places."""
    intake = Intake(catalog, ("frames", "1"))
    first, second = find(catalog, b"/media/a.mp4", b"/media/b\xff.mp4")
    space = catalog.space("starter", "1", 4, normalized=True)
    segments = [SegmentRecord(0, 4, 0), SegmentRecord(4, 8, 4)]
    record = MediaRecord(first, b"h" * 32, FACTS, segments, np.eye(2, 4, dtype=np.float32), {})
    number = intake.write(space, [record], [])[0]
    intake.link([(second, number)])
    return number


def test_facts_files_and_words(catalog: Catalog, asset: int) -> None:
    found = AssetReader(catalog).of(asset)
    assert found is not None
    assert (found.id, found.content_hash, found.facts) == (asset, b"h" * 32, FACTS)
    assert [(file.path, file.size_bytes, file.present) for file in found.files] == [
        (b"/media/a.mp4", 5, True),
        (b"/media/b\xff.mp4", 5, True),
    ]


def test_segments_in_the_order_of_time(catalog: Catalog, asset: int) -> None:
    reader = AssetReader(catalog)
    segments = reader.segments(asset, top=9)
    assert [(each.asset_id, each.method, each.version) for each in segments] == [(asset, "frames", "1")] * 2
    assert [(each.start_seconds, each.end_seconds, each.time_seconds) for each in segments] == [(0, 4, 0), (4, 8, 4)]
    assert reader.segments(asset, top=1, offset=1) == segments[1:]
    assert reader.segment(segments[0].id) == segments[0]


def test_what_is_not_there(catalog: Catalog, asset: int) -> None:
    reader = AssetReader(catalog)
    assert (reader.of(asset + 1), reader.segment(999), reader.segments(asset + 1, top=9)) == (None, None, [])


def test_failures_since_a_moment(catalog: Catalog) -> None:
    file, gone = find(catalog, b"/media/a.mp4", b"/media/gone.mp4")
    space = catalog.space("starter", "1", 4, normalized=True)
    failures = [FailureRecord(number, "decode", "it is damaged", True, "x") for number in (file, gone)]
    Intake(catalog, ("frames", "1")).write(space, [], failures)
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE file SET present = 0 WHERE id = ?", (gone,))
    now = datetime.now(UTC)
    (failed,) = failures_since(catalog, now - timedelta(seconds=60), 10)
    assert (failed.path, failed.stage, failed.reason, failed.permanent) == (
        b"/media/a.mp4",
        "decode",
        "it is damaged",
        True,
    )
    assert failures_since(catalog, now + timedelta(seconds=60), 10) == []
    assert failures_since(catalog, now - timedelta(seconds=60), 0) == []


def test_of_very_many_that_failed_some_are_listed_and_all_are_counted(catalog: Catalog) -> None:
    files = find(catalog, *(b"/media/%d.mp4" % number for number in range(5)))
    space = catalog.space("starter", "1", 4, normalized=True)
    failures = [FailureRecord(number, "decode", "it is damaged", True, "x") for number in files]
    Intake(catalog, ("frames", "1")).write(space, [], failures)
    some, every = take_census(catalog, most=2), take_census(catalog)
    assert [failed.display for failed in some.failures] == ["/media/0.mp4", "/media/1.mp4"]
    assert (some.files_failed, every.files_failed, len(every.failures)) == (5, 5, 5)


def test_roots_that_were_asked_for(catalog: Catalog) -> None:
    Intake(catalog, ("frames", "1")).add_roots(map(os.fsencode, ["/b", "/a"]))
    assert indexed_roots(catalog) == [b"/a", b"/b"]
