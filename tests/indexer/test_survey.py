"""What a run concludes from what it sees: new, changed, returned, moved, missing, and when it holds back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from indexer.report import IndexReport
from indexer.survey import Survey
from retrieval.store.catalog import Catalog
from retrieval.store.intake import Intake
from retrieval.store.looks import Looks
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.schema import File
from retrieval.types import MediaFacts, MediaKind


class _World:
    """A library and a folder of media, surveyed again and again. A file's bytes stand for its content."""

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        self.folder = folder
        self.catalog = catalog
        self.intake = Intake(catalog, ("frames", "1"))
        self.space = catalog.space("starter", "v1", 2, normalized=True)

    def survey(self, *roots: Path) -> IndexReport:
        """One run: survey, finish every pending file, then judge what is missing."""
        report = IndexReport()
        names = [os.fsencode(root) for root in (roots or (self.folder,))]
        survey = Survey(self.intake, Looks(self.catalog), report, report.notices.append)
        survey.run(names, library=None)
        for file in self.intake.files(self.intake.pending(names, self.space, "x", retry=False)):
            content = Path(os.fsdecode(file.path)).read_bytes().ljust(32, b"\0")[:32]
            embedding = np.ones((1, 2), dtype=np.float32)
            record = MediaRecord(file.id, content, MediaFacts(MediaKind.PICTURE), [SegmentRecord()], embedding, {})
            self.intake.write(self.space, [record], [])
        survey.mark_missing(names)
        return report

    def present(self) -> set[str]:
        with self.catalog.engine.connect() as connection:
            return {Path(row).name for row in connection.scalars(select(File.display).where(File.present))}

    def add(self, *names: str) -> None:
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[_World]:
    (tmp_path / "media").mkdir()
    with Catalog(tmp_path / "library", create=True) as catalog:
        yield _World(tmp_path / "media", catalog)


def test_a_second_look_finds_everything_unchanged(world: _World) -> None:
    world.add("a.jpg", "b.jpg")
    first, second = world.survey(), world.survey()
    assert (first.new, first.unchanged) == (2, 0)
    assert (second.new, second.unchanged, second.changed) == (0, 2, 0)


def test_a_changed_file_is_seen_by_size_time_or_inode(world: _World) -> None:
    world.add("a.jpg", "b.jpg", "c.jpg")
    world.survey()
    (world.folder / "a.jpg").write_bytes(b"longer than it was")
    os.utime(world.folder / "b.jpg", ns=(1, 1))
    facts = (world.folder / "c.jpg").stat()
    (world.folder / "c.tmp").write_bytes(b"C.JPG")
    os.utime(world.folder / "c.tmp", ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    (world.folder / "c.tmp").replace(world.folder / "c.jpg")
    assert world.survey().changed == 3


def test_one_file_of_many_that_is_gone_is_hidden_and_returns(world: _World) -> None:
    world.add(*(f"{number}.jpg" for number in range(10)))
    world.survey()
    content = (world.folder / "3.jpg").read_bytes()
    (world.folder / "3.jpg").unlink()
    report = world.survey()
    assert (report.missing, report.notices) == (1, [])
    assert "3.jpg" not in world.present()
    (world.folder / "3.jpg").write_bytes(content)
    report = world.survey()
    assert report.returned + report.changed == 1
    assert "3.jpg" in world.present()


def test_more_than_a_fifth_gone_marks_nothing_and_says_so(world: _World) -> None:
    world.add(*(f"{number}.jpg" for number in range(10)))
    world.survey()
    for number in range(3):
        (world.folder / f"{number}.jpg").unlink()
    report = world.survey()
    assert report.missing == 0
    assert "lacks 3 of its 10 files" in report.notices[0]
    assert len(world.present()) == 10


def test_a_root_that_is_emptied_or_away_marks_nothing(world: _World) -> None:
    world.add("a.jpg", "b.jpg")
    world.survey()
    for name in ("a.jpg", "b.jpg"):
        (world.folder / name).unlink()
    report = world.survey()
    assert "is empty though it held 2 files" in report.notices[0]
    world.folder.rmdir()
    report = world.survey()
    assert "can't be read" in report.notices[0]
    assert world.present() == {"a.jpg", "b.jpg"}


def test_a_moved_tree_is_moved_however_large_its_share(world: _World) -> None:
    world.add(*(f"old/{number}.jpg" for number in range(10)))
    world.survey()
    shutil.move(world.folder / "old", world.folder / "new")
    report = world.survey()
    assert (report.new, report.moved, report.missing, report.notices) == (0, 10, 0, [])
    with world.catalog.engine.connect() as connection:
        assert {Path(name).parent.name for name in connection.scalars(select(File.display).where(File.present))} == {
            "new"
        }


def test_one_copy_of_two_deleted_is_no_loss(world: _World) -> None:
    world.add("a.jpg")
    shutil.copy(world.folder / "a.jpg", world.folder / "copy.jpg")
    world.survey()
    (world.folder / "a.jpg").unlink()
    report = world.survey()
    assert (report.moved, report.missing) == (1, 0)
    assert world.present() == {"copy.jpg"}


def test_what_came_while_a_copy_went_is_still_new(world: _World) -> None:
    world.add("a.jpg", "b.jpg")
    shutil.copy(world.folder / "a.jpg", world.folder / "copy.jpg")
    world.survey()
    (world.folder / "a.jpg").unlink()
    (world.folder / "b.jpg").rename(world.folder / "renamed.jpg")
    world.add("new.jpg", "newer.jpg")
    report = world.survey()
    assert (report.new, report.moved, report.missing) == (2, 2, 0)


def test_only_the_roots_of_this_run_are_judged(world: _World) -> None:
    world.add("one/a.jpg", "two/b.jpg", *(f"two/{number}.jpg" for number in range(9)))
    world.survey()
    (world.folder / "two/b.jpg").unlink()
    assert world.survey(world.folder / "one").missing == 0
    assert world.survey(world.folder / "two").missing == 1


def test_what_cannot_be_looked_at_is_not_gone(world: _World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add(*(f"{number}.jpg" for number in range(10)))
    world.survey()
    real_stat, real_lstat = os.stat, os.lstat

    def refuse(path: object, **options: object) -> os.stat_result:
        if os.fsencode(path).endswith(b"3.jpg"):  # type: ignore[arg-type]
            raise PermissionError(13, "Permission denied")
        return real_stat(path, **options)  # type: ignore[arg-type]

    def refuse_lstat(path: object) -> os.stat_result:
        if os.fsencode(path).endswith(b"3.jpg"):  # type: ignore[arg-type]
            raise PermissionError(13, "Permission denied")
        return real_lstat(path)  # type: ignore[arg-type]

    (world.folder / "3.jpg").rename(world.folder / "away")
    (world.folder / "3.jpg").symlink_to(world.folder / "away")  # DirEntry.stat of a link asks the system
    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "lstat", refuse_lstat)
    report = world.survey()
    assert report.missing == 0
    assert "3.jpg" in world.present()
