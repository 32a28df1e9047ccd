"""Windows of a space over kept tracks: missing until written, work again when an expert looks later, never doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select, update

from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.embedding_rows import catalog_settings
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.lookup import Lookup
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.schema import Embedding, Segment, Segmentation, Track
from retrieval.store.windows import WindowedAsset, Windows
from retrieval.types import FeatureTrack, MediaFacts, MediaKind, Span

CUT = ("windows", "1")
EXPERTS = {"appearance": "a1", "motion": "m1"}


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def frames(catalog: Catalog) -> SpaceRow:
    return catalog.space("starter", "v1", 4, normalized=True)


@pytest.fixture
def space(catalog: Catalog) -> SpaceRow:
    return catalog.space("mmt/starter", "v1", 3, normalized=False)


def _write(
    catalog: Catalog, frames: SpaceRow, name: str, tracks: dict[tuple[str, str], FeatureTrack], kind: str = "video"
) -> int:
    intake = Intake(catalog, ("frames", "1"))
    path = f"/m/{name}".encode()
    if not (known := intake.known([path])):
        intake.take_in([FoundFile(path, kind, 1, 1, 1)], [], [])
        known = intake.known([path])
    facts = MediaFacts(MediaKind(kind), duration_seconds=40.0)
    segments = [SegmentRecord(0.0, 40.0, 0.0)]
    vectors = np.ones((1, 4), np.float32)
    return intake.write(
        frames, [MediaRecord(known[path].id, name.encode().ljust(32), facts, segments, vectors, tracks)], []
    )[0]


def _track(rows: int = 2) -> FeatureTrack:
    times = np.stack([np.arange(rows), np.arange(rows) + 1], axis=1).astype(np.float32)
    return FeatureTrack(times, np.ones((rows, 5), np.float16))


def _windowed(asset_id: int, *spans: tuple[float, float]) -> WindowedAsset:
    return WindowedAsset(asset_id, [Span(*span) for span in spans], np.full((len(spans), 3), 2.0, np.float32))


def _vectors(catalog: Catalog, space: SpaceRow) -> int:
    with catalog.engine.connect() as connection:
        return connection.scalar(select(func.count()).where(Embedding.space_id == space.id)) or 0


def test_words_are_read_whoever_heard_them_if_their_vectors_are_the_same(
    catalog: Catalog, frames: SpaceRow, space: SpaceRow
) -> None:
    seen = {("appearance", "a1+cut"): _track()}
    alike = _write(catalog, frames, "alike", seen | {("speech", "whisper-9+minilm-5"): _track(3)})
    other = _write(catalog, frames, "other", seen | {("speech", "whisper-tiny-en+other-6"): _track(3)})
    windows = Windows(catalog, space, {"appearance": "a1", "speech": "whisper-tiny-en+minilm-5"}, CUT)

    assert [sorted(windows.read(asset, []).tracks) for asset in (alike, other)] == [
        ["appearance", "speech"],
        ["appearance"],
    ]


def test_videos_and_sounds_with_known_tracks_are_work_until_written(
    catalog: Catalog, frames: SpaceRow, space: SpaceRow
) -> None:
    film = _write(catalog, frames, "film", {("appearance", "a1+cut"): _track()})
    sound = _write(catalog, frames, "sound", {("motion", "m1"): _track(0)}, kind="sound")
    _write(catalog, frames, "picture", {("appearance", "a1"): _track(1)}, kind="picture")
    _write(catalog, frames, "older", {("appearance", "a0"): _track()})
    windows = Windows(catalog, space, EXPERTS, CUT)
    assert windows.missing(0, 10) == [film, sound]
    assert windows.missing(film, 10) == [sound]
    windows.write([_windowed(film, (0, 30), (20, 40)), _windowed(sound)])
    assert windows.missing(0, 10) == []
    found = Lookup(catalog).segments(space, [film, sound])
    assert found.keys() == {film}
    assert found[film].times is not None
    np.testing.assert_array_equal(found[film].times, [[0, 30], [20, 40]])
    np.testing.assert_array_equal(found[film].vectors, np.full((2, 3), 2.0))


def test_it_reads_the_tracks_that_it_knows(catalog: Catalog, frames: SpaceRow, space: SpaceRow) -> None:
    film = _write(catalog, frames, "film", {("appearance", "a1"): _track(), ("motion", "m0"): _track(3)})
    read = Windows(catalog, space, EXPERTS, CUT).read(film, [])
    assert read.duration_seconds == 40.0
    assert {name: len(track) for name, track in read.tracks.items()} == {"appearance": 2}


def test_a_track_that_is_lost_is_told_and_left_out(catalog: Catalog, frames: SpaceRow, space: SpaceRow) -> None:
    film = _write(catalog, frames, "film", {("appearance", "a1"): _track(), ("motion", "m1"): _track()})
    with catalog.engine.begin() as connection:
        connection.execute(update(Track).where(Track.expert == "motion").values(features=b"\0"))
    lost: list[str] = []
    assert Windows(catalog, space, EXPERTS, CUT).read(film, lost).tracks.keys() == {"appearance"}
    assert len(lost) == 1


def test_an_expert_that_looks_later_makes_the_windows_work_again(
    catalog: Catalog, frames: SpaceRow, space: SpaceRow
) -> None:
    film = _write(catalog, frames, "film", {("appearance", "a1"): _track()})
    windows = Windows(catalog, space, EXPERTS, CUT)
    windows.write([_windowed(film, (0, 40))])
    before = _settings(catalog)
    _write(catalog, frames, "film", {("appearance", "a1"): _track()})
    assert windows.missing(0, 10) == []  # nothing new was seen
    _write(catalog, frames, "film", {("motion", "m1"): _track()})
    assert windows.missing(0, 10) == [film]
    assert _vectors(catalog, space) == 1  # searched until they are replaced
    windows.write([_windowed(film, (0, 40))])
    assert _vectors(catalog, space) == 1
    assert _settings(catalog) != before  # an index takes the old vector out


def test_another_cut_takes_the_place_of_the_old_one(catalog: Catalog, frames: SpaceRow, space: SpaceRow) -> None:
    film = _write(catalog, frames, "film", {("appearance", "a1"): _track()})
    other = catalog.space("mmt/other", "v1", 3, normalized=False)
    mine, others = (Windows(catalog, row, EXPERTS, CUT) for row in (space, other))
    mine.write([_windowed(film, (0, 40))])
    others.write([_windowed(film, (0, 40))])
    assert (_vectors(catalog, space), _vectors(catalog, other)) == (1, 1)
    _write(catalog, frames, "film", {("motion", "m1"): _track()})
    mine.write([_windowed(film, (0, 25), (15, 40))])
    assert (_vectors(catalog, space), _vectors(catalog, other)) == (2, 0)
    assert others.missing(0, 10) == [film]
    with catalog.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(Segment)) == 3  # a frame, and two windows


def _settings(catalog: Catalog) -> dict[str, str]:
    with catalog.engine.connect() as connection:
        return dict(catalog_settings(connection))


def test_windows_of_two_cuts_stand_side_by_side(catalog: Catalog, frames: SpaceRow, space: SpaceRow) -> None:
    """Two picture spaces see other shot borders: neither makes the other's windows work again."""
    film = _write(catalog, frames, "film", {("appearance", "a1"): _track()})
    other = catalog.space("mmt/other", "v1", 3, normalized=False)
    first, second = Windows(catalog, space, EXPERTS, CUT), Windows(catalog, other, EXPERTS, ("windows", "1+other"))
    first.write([_windowed(film, (0, 40))])
    second.write([_windowed(film, (0, 25), (15, 40))])
    assert (first.missing(0, 10), second.missing(0, 10)) == ([], [])
    assert (_vectors(catalog, space), _vectors(catalog, other)) == (1, 2)
    _write(catalog, frames, "film", {("motion", "m1"): _track()})
    first.write([_windowed(film, (0, 30), (10, 40))])  # borders that are seen otherwise now
    second.write([_windowed(film, (0, 20), (10, 40))])
    assert (first.missing(0, 10), second.missing(0, 10)) == ([], [])
    assert (_vectors(catalog, space), _vectors(catalog, other)) == (2, 2)


def test_windows_that_were_kept_under_another_mark_leave_nothing_behind(
    catalog: Catalog, frames: SpaceRow, space: SpaceRow
) -> None:
    film = _write(catalog, frames, "film", {("appearance", "a1"): _track()})
    Windows(catalog, space, EXPERTS, CUT).write([_windowed(film, (0, 40))])
    marked = Windows(catalog, space, EXPERTS, ("windows", "1+other"))
    assert marked.missing(0, 10) == []  # what is finished stays so
    _write(catalog, frames, "film", {("motion", "m1"): _track()})
    marked.write([_windowed(film, (0, 40))])
    assert _vectors(catalog, space) == 1
    with catalog.engine.connect() as connection:
        cuts = connection.execute(select(Segmentation.version).where(Segmentation.method == "windows"))
        assert cuts.scalars().all() == ["1+other"]


def test_a_video_is_work_once_the_picture_space_beneath_has_seen_it(
    catalog: Catalog, frames: SpaceRow, space: SpaceRow
) -> None:
    """Whichever space that is; what was only heard of so far waits for its frames."""
    seen = _write(catalog, frames, "seen", {("vit", "v1+cut"): _track(), ("motion", "m1"): _track()})
    heard = _write(catalog, frames, "heard", {("appearance", "a1"): _track(), ("motion", "m1"): _track()})
    sound = _write(catalog, frames, "sound", {("motion", "m1"): _track()}, kind="sound")
    upon = Windows(catalog, space, {"motion": "m1"}, CUT, sight=("vit", "v1"))
    assert upon.missing(0, 10) == [seen, sound]
    assert upon.read(seen, []).tracks.keys() == {"vit", "motion"}
    assert Windows(catalog, space, {"motion": "m1"}, CUT).missing(0, 10) == [seen, heard, sound]
