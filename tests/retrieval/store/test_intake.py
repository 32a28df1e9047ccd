"""What an index run writes: once, wholly, and so that running again finds only what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from retrieval.paths import display_of
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import FailureRecord, MediaRecord, SegmentRecord
from retrieval.store.schema import Asset, Embedding, Failure, File, Result, Segment, Track
from retrieval.types import FeatureTrack, MediaFacts, MediaKind

DIM = 4
EXPERT = ("appearance", "v1")


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def intake(catalog: Catalog) -> Intake:
    return Intake(catalog, ("frames", "1"))


@pytest.fixture
def space(catalog: Catalog) -> SpaceRow:
    return catalog.space("starter", "v1", DIM, normalized=True)


def _found(name: bytes, size: int = 10) -> FoundFile:
    return FoundFile(b"/media/" + name, "picture", size, 1_000, 2**64 - 1)


def _take_in(intake: Intake, *names: bytes) -> list[int]:
    intake.take_in([_found(name) for name in names], [], [])
    known = intake.known([b"/media/" + name for name in names])
    return [known[b"/media/" + name].id for name in names]


def _record(file_id: int, content: bytes, segments: int = 1) -> MediaRecord:
    generator = np.random.default_rng(file_id)
    times = np.zeros((segments, 2), dtype=np.float32)
    return MediaRecord(
        file_id,
        content.ljust(32, b"\0"),
        MediaFacts(MediaKind.PICTURE, width=3, height=2),
        [SegmentRecord()] * segments,
        generator.normal(size=(segments, DIM)).astype(np.float32),
        {("appearance", "v1"): FeatureTrack(times, generator.normal(size=(segments, 6)).astype(np.float16))},
    )


def _count(catalog: Catalog, table: type) -> int:
    with catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_work_is_what_is_missing(catalog: Catalog, intake: Intake, space: SpaceRow) -> None:
    first, second = _take_in(intake, b"a.jpg", b"b.jpg")
    assert intake.pending([b"/media"], space, "x", retry=False) == [first, second]
    intake.write(space, [_record(first, b"A")], [FailureRecord(second, "decode", "broken", True, "x")])
    assert intake.pending([b"/media"], space, "x", retry=False) == []
    assert intake.pending([b"/media"], space, "x", retry=True) == [second]
    assert intake.pending([b"/media"], space, "newer decoder", retry=False) == [second]
    assert intake.pending([b"/elsewhere"], space, "newer decoder", retry=False) == []
    newer = catalog.space("starter", "v2", DIM, normalized=True)
    assert intake.pending([b"/media"], newer, "x", retry=False) == [first]


def test_a_failure_of_the_moment_is_work_again(intake: Intake, space: SpaceRow) -> None:
    (file_id,) = _take_in(intake, b"a.jpg")
    intake.write(space, [], [FailureRecord(file_id, "decode", "disk away", False, "x")])
    assert intake.pending([b"/media"], space, "x", retry=False) == [file_id]


def test_the_same_content_is_kept_once(catalog: Catalog, intake: Intake, space: SpaceRow) -> None:
    first, second = _take_in(intake, b"a.jpg", b"copy.jpg")
    assets = intake.write(space, [_record(first, b"A", 3), _record(second, b"A", 3)], [])
    assert assets[0] == assets[1]
    counts = {table: _count(catalog, table) for table in (Asset, Segment, Embedding, Result, Track)}
    assert counts == {Asset: 1, Segment: 3, Embedding: 3, Result: 1, Track: 1}


def test_a_batch_is_all_or_nothing(catalog: Catalog, intake: Intake, space: SpaceRow) -> None:
    first, second = _take_in(intake, b"a.jpg", b"b.jpg")
    newer = catalog.space("starter", "v2", DIM, normalized=True)
    intake.write(space, [_record(second, b"B", 2)], [])
    # The content was cut into two segments before; now it comes with three.
    with pytest.raises(ValueError, match="3 vectors for 2 segments"):
        intake.write(newer, [_record(first, b"A"), _record(second, b"B", 3)], [])
    assert (_count(catalog, Asset), _count(catalog, Embedding), _count(catalog, Result)) == (1, 2, 1)


def test_a_record_has_a_vector_for_each_segment() -> None:
    with pytest.raises(ValueError, match="1 vectors for 2 segments"):
        MediaRecord(1, b"", MediaFacts(MediaKind.PICTURE), [SegmentRecord()] * 2, np.ones((1, 2), np.float32), {})


def test_a_second_version_is_embedded_from_kept_tracks(catalog: Catalog, intake: Intake, space: SpaceRow) -> None:
    file_id, copy = _take_in(intake, b"a.mp4", b"copy.mp4")
    asset_id, _ = intake.write(space, [_record(file_id, b"A", 2), _record(copy, b"A", 2)], [])
    newer = catalog.space("starter", "v2", DIM, normalized=True)
    assert intake.unembedded(space, EXPERT, after=0, limit=9) == []
    ((found, stored),) = intake.unembedded(newer, EXPERT, after=0, limit=9)
    assert (found, intake.read_track(stored).features.shape) == (asset_id, (2, 6))
    for _ in range(2):  # the second time there is nothing left to do
        intake.embed(newer, {asset_id: np.ones((2, DIM), dtype=np.float32)})
    assert (_count(catalog, Segment), _count(catalog, Embedding), _count(catalog, Result)) == (2, 4, 2)


def test_only_a_track_cut_this_way_can_be_embedded_from(catalog: Catalog, intake: Intake, space: SpaceRow) -> None:
    (file_id,) = _take_in(intake, b"a.mp4")
    (asset_id,) = intake.write(space, [_record(file_id, b"A", 2)], [])
    newer = catalog.space("starter", "v2", DIM, normalized=True)
    content = b"A".ljust(32, b"\0")
    assert not intake.assets_by_hash([content], newer, EXPERT)[content].needs_decoding
    assert intake.assets_by_hash([content], newer, ("appearance", "v9"))[content].needs_decoding
    assert Intake(catalog, ("frames", "2")).unembedded(newer, EXPERT, after=0, limit=9) == []
    assert intake.wrongly_cut([_record(file_id, b"A", 3)]) == {content}
    assert intake.wrongly_cut([_record(file_id, b"A", 2), _record(file_id, b"B", 3)]) == set()
    intake.forget_track(asset_id, EXPERT)
    assert intake.assets_by_hash([content], newer, EXPERT)[content].needs_decoding


def test_thousands_of_roots_are_asked_in_pieces(intake: Intake, space: SpaceRow) -> None:
    names = [b"%d.jpg" % number for number in range(1500)]
    ids = _take_in(intake, *names)
    roots = [b"/media/" + name for name in names]
    assert intake.pending(roots, space, "x", retry=False) == sorted(ids)
    assert intake.pending([*roots, b"/media"], space, "x", retry=False) == sorted(ids)


def test_what_failed_for_good_no_longer_holds_its_old_content(
    catalog: Catalog, intake: Intake, space: SpaceRow
) -> None:
    (file_id,) = _take_in(intake, b"a.jpg")
    intake.write(space, [_record(file_id, b"A")], [])
    intake.take_in([], [(file_id, _found(b"a.jpg", size=11))], [])
    assert intake.files([file_id])[0].asset_id is not None  # still found by what it held, until it is read
    intake.write(space, [], [FailureRecord(file_id, "decode", "broken " * 999, True, "x")])
    assert intake.files([file_id])[0].asset_id is None
    assert intake.pending([b"/media"], space, "x", retry=False) == []


def test_a_changed_file_is_read_again_and_its_old_failure_forgotten(
    catalog: Catalog, intake: Intake, space: SpaceRow
) -> None:
    (file_id,) = _take_in(intake, b"a.jpg")
    intake.write(space, [], [FailureRecord(file_id, "decode", "broken", True, "x")])
    known = intake.known([b"/media/a.jpg"])[b"/media/a.jpg"]
    assert known.is_same_as(_found(b"a.jpg"))
    assert not known.is_same_as(_found(b"a.jpg", size=11))
    intake.take_in([], [(file_id, _found(b"a.jpg", size=11))], [])
    assert _count(catalog, Failure) == 0
    assert intake.pending([b"/media"], space, "x", retry=False) == [file_id]


def test_missing_files_return(catalog: Catalog, intake: Intake, space: SpaceRow) -> None:
    (file_id,) = _take_in(intake, b"a.jpg")
    intake.write(space, [_record(file_id, b"A")], [])
    intake.mark_missing([file_id])
    assert list(intake.present_under(b"/media")) == []
    intake.take_in([], [], [file_id])
    assert list(intake.present_under(b"/media")) == [(file_id, b"/media/a.jpg")]
    assert _count(catalog, Embedding) == 1


def test_a_root_holds_what_is_below_it_and_nothing_beside_it(intake: Intake) -> None:
    intake.take_in([FoundFile(path, "picture", 1, 1, 1) for path in (b"/a/x.jpg", b"/ab/x.jpg", b"/a")], [], [])
    assert {path for _, path in intake.present_under(b"/a")} == {b"/a/x.jpg", b"/a"}
    assert len(list(intake.present_under(b"/"))) == 3


def test_present_files_of_a_content_are_found_by_its_files(intake: Intake, space: SpaceRow) -> None:
    first, second, other, unread = _take_in(intake, b"a.jpg", b"b.jpg", b"c.jpg", b"d.jpg")
    intake.write(space, [_record(first, b"A"), _record(second, b"A"), _record(other, b"C")], [])
    assets = intake.assets_of([first, other, unread])
    assert assets.keys() == {first, other}
    assert set(intake.present_files_of([assets[first]])) == {(assets[first], first), (assets[first], second)}
    intake.mark_missing([second])
    assert set(intake.present_files_of([assets[first]])) == {(assets[first], first)}


@pytest.mark.parametrize(
    ("path", "shown"),
    [(b"/a/\xff.jpg", "/a/\\xff.jpg"), (b"/a/new\nline.jpg", "/a/new\\nline.jpg"), ("/a/é.jpg".encode(), "/a/é.jpg")],
)
def test_any_path_has_a_readable_form(catalog: Catalog, intake: Intake, path: bytes, shown: str) -> None:
    assert display_of(path) == shown
    intake.take_in([FoundFile(path, "picture", 1, 1, 1)], [], [])
    with catalog.engine.connect() as connection:
        assert connection.execute(select(File.path, File.display)).one() == (path, shown)
