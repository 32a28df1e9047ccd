"""Runs over libraries that are filled straight through the schema: no decoder, no model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select

from indexer.tag import tag
from retrieval.errors import LibraryBusyError, LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Asset, Embedding, File, Segment, Segmentation, SegmentTag, Tag, TagResult, Track
from retrieval.store.tag_work import Source, SpaceSource, TrackSource
from retrieval.store.tags import Tags
from retrieval.types import Float32Array

CLASSES = TrackSource("classes", 2, "1")


class Thresholds:
    """Says each of its labels where its column is over a half."""

    def __init__(self, version: str = "1", name: str = "test", source: Source = CLASSES) -> None:
        self.name, self.version, self.source = name, version, source
        self.labels = ("dog", "cat")
        self.seen = 0

    def chances(self, rows: Float32Array) -> Float32Array:
        self.seen += len(rows)
        return np.where(rows > 0.5, rows, 0).astype(np.float32)


class Builder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog(folder, create=True)

    def add(self, path: str, rows: list[list[float]], *, kind: str = "picture", present: bool = True) -> list[int]:
        """An asset with a track, and its segments with the same vectors; the segments' ids."""
        content = np.asarray(rows, "<f2")
        spans = [(0.04 * place, 0.04 * place + 0.04) for place in range(len(rows))]
        times = np.asarray(spans if kind == "video" else [(0, 0)], "<f4")
        asset = self.insert(Asset, content_hash=hashlib.sha256(path.encode()).digest(), kind=kind, has_sound=False)
        self.insert(
            File, path=path.encode(), display=path, kind=kind, size_bytes=1, modified_ns=1, inode="1", present=present,
            needs_reading=False, asset_id=asset,
        )  # fmt: skip
        self.insert(
            Track, asset_id=asset, expert="classes", version="1", count=len(rows), dim=2, times=times.tobytes(),
            features=content.tobytes(),
        )  # fmt: skip
        space = self.catalog.space("plain", "1", 2, normalized=True)
        cut = self.insert(Segmentation, asset_id=asset, method="frames", version="1")
        segments = [
            self.insert(Segment, segmentation_id=cut, position=place, start_seconds=start if kind == "video" else None)
            for place, (start, _) in enumerate(spans)
        ]
        for segment, row in zip(segments, content, strict=True):
            self.insert(Embedding, space_id=space.id, segment_id=segment, vector=row.tobytes())
        return segments

    def insert(self, table: Any, **values: object) -> int:
        with self.catalog.engine.begin() as connection:
            return connection.execute(insert(table).values(values)).inserted_primary_key[0]

    def rows(self, *columns: Any) -> list[Any]:
        with self.catalog.engine.connect() as connection:
            return sorted(tuple(row) for row in connection.execute(select(*columns)))

    def said(self) -> dict[str, list[str]]:
        tags = Tags(self.catalog)
        files = tags.files()
        known = tags.of([file.asset_id for file in files])
        return {file.path.decode(): [each.label for each in known.get(file.asset_id, [])] for file in files}


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    made = Builder(tmp_path / "library")
    yield made
    made.catalog.close()


def test_only_what_is_missing_is_seen(builder: Builder) -> None:
    builder.add("/a.jpg", [[0.9, 0.1]])
    builder.add("/b.jpg", [[0.1, 0.2]])
    tagger = Thresholds()
    (first,) = tag([tagger], builder.folder).taggers
    assert (first.assets, first.tagged, first.tags) == (2, 1, 1)
    assert builder.said() == {"/a.jpg": ["dog"], "/b.jpg": []}
    builder.add("/c.jpg", [[0.9, 0.8]])
    (second,) = tag([tagger], builder.folder).taggers
    assert (second.assets, tagger.seen) == (1, 3)
    assert builder.said()["/c.jpg"] == ["dog", "cat"]


def test_a_video_is_tagged_by_segment_and_has_the_best(builder: Builder) -> None:
    segments = builder.add("/v.mp4", [[0.625, 0.1], [0.75, 0.1], [0.1, 0.1]], kind="video")
    tag([Thresholds()], builder.folder)
    assert builder.rows(Tag.score) == [(0.75,)]
    assert builder.rows(SegmentTag.segment_id, SegmentTag.score) == [(segments[0], 0.625), (segments[1], 0.75)]


def test_a_track_belongs_to_the_cut_that_has_its_times_not_to_one_of_as_many_segments(builder: Builder) -> None:
    segments = builder.add("/v.mp4", [[0.75, 0.1], [0.1, 0.1]], kind="video")
    newer = builder.insert(Segmentation, asset_id=1, method="windows", version="1")
    for place in range(2):
        builder.insert(Segment, segmentation_id=newer, position=place, start_seconds=5.0 * place)
    tag([Thresholds()], builder.folder)
    assert builder.rows(SegmentTag.segment_id) == [(segments[0],)]


def test_vectors_of_a_space_are_a_source_too(builder: Builder) -> None:
    segments = builder.add("/v.mp4", [[0.9, 0.1], [0.1, 0.75]], kind="video")
    tag([Thresholds(source=SpaceSource("plain", "1", 2))], builder.folder)
    assert builder.said() == {"/v.mp4": ["dog", "cat"]}
    assert [row[0] for row in builder.rows(SegmentTag.segment_id)] == segments
    (other,) = tag([Thresholds(name="other", source=SpaceSource("plain", "2", 2))], builder.folder).taggers
    assert (other.assets, other.lacking) == (0, 1)


def test_a_tagger_may_ask_for_tracks_of_one_version(builder: Builder) -> None:
    builder.add("/a.jpg", [[0.9, 0.1]])
    builder.add("/b.jpg", [[0.9, 0.1]])
    with builder.catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE track SET version = '1+cut' WHERE asset_id = 2")
    assert tag([Thresholds(source=TrackSource("classes", 2, "1"))], builder.folder).taggers[0].assets == 2
    (other,) = tag([Thresholds(name="other", source=TrackSource("classes", 2, "1+c"))], builder.folder).taggers
    assert (other.assets, other.lacking) == (0, 2)


def test_a_new_version_sees_all_again_and_the_old_rows_go(builder: Builder) -> None:
    builder.add("/v.mp4", [[0.9, 0.1]], kind="video")
    tag([Thresholds()], builder.folder)
    newer = Thresholds(version="2")
    newer.labels = ("wolf", "lynx")
    tag([newer, Thresholds(name="beside")], builder.folder)
    assert builder.said() == {"/v.mp4": ["dog", "wolf"]}
    assert len(builder.rows(TagResult.asset_id)) == len(builder.rows(SegmentTag.segment_id)) == 2


def test_only_what_lies_at_the_paths(builder: Builder) -> None:
    builder.add("/x/a.jpg", [[0.9, 0.1]])
    builder.add("/y/b.jpg", [[0.9, 0.1]])
    tag([Thresholds()], builder.folder, paths=["/x"])
    assert builder.said() == {"/x/a.jpg": ["dog"], "/y/b.jpg": []}
    with pytest.raises(LibraryError, match="nothing that is indexed lies at /nowhere; index it first"):
        tag([Thresholds()], builder.folder, paths=["/x", "/nowhere"])


def test_a_file_that_is_gone_is_no_work(builder: Builder) -> None:
    builder.add("/gone.jpg", [[0.9, 0.1]], present=False)
    (report,) = tag([Thresholds()], builder.folder).taggers
    assert (report.assets, report.lacking) == (0, 0)


def test_a_damaged_track_is_told_and_left_out(builder: Builder) -> None:
    builder.add("/a.jpg", [[0.9, 0.1]])
    builder.add("/b.jpg", [[0.9, 0.1]])
    with builder.catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE track SET features = x'00' WHERE asset_id = 1")
    report = tag([Thresholds()], builder.folder)
    assert report.taggers[0].assets == 1
    assert "a feature track in the catalog is damaged" in report.notices[0]


def test_stopped_it_keeps_what_is_committed(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.tag._ASSETS_PER_COMMIT", 1)
    builder.add("/a.jpg", [[0.9, 0.1]])
    builder.add("/b.jpg", [[0.9, 0.1]])

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    assert tag([Thresholds()], builder.folder, progress=stop).interrupted
    assert len(builder.rows(TagResult.asset_id)) == 1
    assert tag([Thresholds()], builder.folder).taggers[0].assets == 1


def test_one_writer_at_a_time(builder: Builder) -> None:
    with builder.catalog.lock(), pytest.raises(LibraryBusyError, match="another vidi is writing"):
        tag([Thresholds()], builder.folder)
