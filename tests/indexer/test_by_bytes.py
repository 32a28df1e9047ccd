"""What waits for a commit is bounded by the bytes of its vectors, of thousands of pictures or of a few films."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from indexer import reembed
from indexer import windows as windows_module
from indexer.batch import by_bytes
from indexer.job import Job
from indexer.reembed import embed_from_tracks
from indexer.report import IndexReport
from indexer.windows import embed_windows
from retrieval.experts.expert import Rows
from retrieval.settings import Settings
from retrieval.store.catalog import Catalog
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.schema import Embedding
from retrieval.store.windows import WindowedAsset, Windows
from retrieval.types import FeatureTrack, Float32Array, MediaFacts, MediaKind, Span

FILMS, ROWS = 12, 50
EXPERT = ("appearance", "a1")
KILLED = KeyboardInterrupt


class Recalled:
    def __init__(self, rows: Rows) -> None:
        self.rows = rows


class Frames:
    """An expert of frames that recalls what it was given, and remembers how much at once."""

    most = 0

    def recall(self, features: Float32Array) -> Recalled:
        self.most = max(self.most, len(features))
        return Recalled({"appearance": features})


class FakeSpace:
    """Of frames and of windows; counts the rows that it gave and that nobody has committed."""

    name, version, dim, normalized = "mmt/fake", "v1", 4, False
    expert_versions: Mapping[str, str] = dict([EXPERT])
    segmentation, sight = ("windows", "1"), EXPERT

    def __init__(self) -> None:
        self.held = self.most = 0

    def _given(self, rows: int) -> Float32Array:
        self.held += rows
        self.most = max(self.most, self.held)
        return np.ones((rows, self.dim), np.float32)

    def embed_video(self, tracks: Mapping[str, FeatureTrack], end_seconds: float) -> tuple[list[Span], Float32Array]:
        return [Span(second, second + 1) for second in range(ROWS)], self._given(ROWS)

    def embed_segments(self, rows: Rows) -> Float32Array:
        return self._given(len(rows["appearance"]))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def space() -> FakeSpace:
    return FakeSpace()


@pytest.fixture
def job(catalog: Catalog, space: Any) -> Job:
    """Of films that another space has seen."""
    intake = Intake(catalog, ("frames", "1"))
    paths = [f"/m/{number}".encode() for number in range(FILMS)]
    intake.take_in([FoundFile(path, "video", 1, 1, 1) for path in paths], [], [])
    times = np.stack([np.arange(ROWS), np.arange(ROWS) + 1], axis=1).astype(np.float32)
    track = FeatureTrack(times, np.ones((ROWS, 3), np.float16))
    segments = [SegmentRecord(second, second + 1.0, second) for second in range(ROWS)]
    facts, seen = MediaFacts(MediaKind.VIDEO, duration_seconds=float(ROWS)), np.ones((ROWS, 4), np.float32)
    records = [
        MediaRecord(file.id, path.ljust(32), facts, segments, seen, {EXPERT: track})
        for path, file in intake.known(paths).items()
    ]
    intake.write(catalog.space("starter", "v1", 4, normalized=True), records, [])
    row = catalog.space(space.name, space.version, space.dim, normalized=False)
    return Job(
        catalog.library, catalog, intake, space, row, EXPERT, (), (), Settings(), "", lambda line: None, lambda: None
    )


def vectors(job: Job) -> int:
    with job.catalog.engine.connect() as connection:
        statement = select(func.count()).where(Embedding.space_id == job.space_row.id)
        return connection.scalar(statement) or 0


def bound(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    def bounded(items: Any, size: Any) -> Any:
        return by_bytes(items, size, rows * FakeSpace.dim * 4)

    monkeypatch.setattr(windows_module, "by_bytes", bounded)
    monkeypatch.setattr(reembed, "by_bytes", bounded)


def commits(monkeypatch: pytest.MonkeyPatch, space: FakeSpace, killed_at: int | None = None) -> list[int]:
    """The rows of each commit from now on; at number ``killed_at`` the power goes."""
    found: list[int] = []
    write, embed = Windows.write, Intake.embed

    def count(rows: int) -> None:
        if len(found) == killed_at:
            raise KILLED
        space.held -= rows
        found.append(rows)

    def written(self: Windows, assets: Sequence[WindowedAsset]) -> None:
        count(sum(len(asset.vectors) for asset in assets))
        write(self, assets)

    def embedded(self: Intake, row: Any, made: Mapping[int, Float32Array]) -> None:
        count(sum(map(len, made.values())))
        embed(self, row, made)

    monkeypatch.setattr(Windows, "write", written)
    monkeypatch.setattr(Intake, "embed", embedded)
    return found


def test_a_list_is_given_as_soon_as_it_is_large_and_the_rest_at_the_end() -> None:
    assert list(by_bytes([3, 3, 9, 1, 1], lambda item: item, 6)) == [[3, 3], [9], [1, 1]]
    assert list(by_bytes([], lambda item: item, 6)) == []


@pytest.mark.parametrize("stage", ["windows", "frames"])
def test_no_more_rows_are_held_than_the_bound_and_one_file(
    job: Job, space: FakeSpace, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    bound(monkeypatch, 2 * ROWS)
    found, report = commits(monkeypatch, space), IndexReport()
    _run(stage, job, report)
    assert found == [2 * ROWS] * (FILMS // 2)
    assert space.most == 2 * ROWS
    assert (report.windowed, report.embedded) == ((FILMS, 0) if stage == "windows" else (0, FILMS))
    assert vectors(job) == FILMS * ROWS


@pytest.mark.parametrize("stage", ["windows", "frames"])
def test_what_was_committed_before_a_kill_is_not_made_again(
    job: Job, space: FakeSpace, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    bound(monkeypatch, 2 * ROWS)
    with monkeypatch.context() as patched:
        commits(patched, space, killed_at=2)
        with pytest.raises(KILLED):
            _run(stage, job, IndexReport())
    assert vectors(job) == 4 * ROWS
    report = IndexReport()
    _run(stage, job, report)
    assert report.windowed + report.embedded == FILMS - 4
    assert vectors(job) == FILMS * ROWS


def _run(stage: str, job: Job, report: IndexReport) -> None:
    if stage == "windows":
        embed_windows(job, lambda _: [job.space], report)  # type: ignore[list-item]
    else:
        embed_from_tracks(job, Frames(), report)  # type: ignore[arg-type]


def test_a_long_track_is_recalled_in_parts(job: Job, space: FakeSpace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembed, "_ROWS_AT_ONCE", 20)
    frames = Frames()
    embed_from_tracks(job, frames, IndexReport())  # type: ignore[arg-type]
    assert frames.most == 20
    assert vectors(job) == FILMS * ROWS
