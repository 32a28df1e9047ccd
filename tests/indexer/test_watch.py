"""Watching takes in what is new, changed, moved and gone within seconds, and nothing else."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from indexer import IndexReport, eyes
from indexer import watch as watching
from indexer.eyes import NotifiedEye, PollingEye, UnwatchableError
from indexer.run import Session, named_roots
from indexer.settling import Settling
from indexer.watch import Timing, watch
from retrieval.errors import LibraryError
from retrieval.store.catalog import Catalog
from retrieval.store.schema import File, Trouble

WriteFile = Callable[..., None]
QUICK = Timing(tick_seconds=0.05, settle_seconds=0.2, poll_seconds=0.1, retry_seconds=0.1)


class _Watching:
    """A watch in a thread of its own. It is stopped as a person stops it: by an interrupt, in the next look around."""

    def __init__(self, library: Path, roots: list[Path], timing: Timing, patch: pytest.MonkeyPatch) -> None:
        self.reports: list[IndexReport] = []
        self.notices: list[str] = []
        self.library = library
        self._stop = threading.Event()
        real = watching._state_of

        def stoppable(root: bytes) -> object:
            if self._stop.is_set():
                raise KeyboardInterrupt
            return real(root)

        patch.setattr(watching, "_state_of", stoppable)
        self._thread = threading.Thread(target=self._run, args=(roots, timing), daemon=True)
        self._thread.start()
        self.wait_for(lambda: self.reports)

    def _run(self, roots: list[Path], timing: Timing) -> None:
        session = Session(self.library, notice=self.notices.append)
        try:
            watch([session], named_roots(roots), self.reports.append, self.notices.append, timing=timing)
        except KeyboardInterrupt:
            pass
        except BaseException as error:
            self.notices.append(f"DIED: {error!r}")
            raise

    def wait_for(self, condition: Callable[[], object], seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.reports, self.notices)
            assert self._thread.is_alive(), self.notices
            time.sleep(0.02)

    def present(self) -> set[str]:
        with Catalog(self.library) as catalog, catalog.engine.connect() as connection:
            paths = connection.scalars(select(File.path).where(File.present, File.asset_id.is_not(None)))
            return {os.path.basename(os.fsdecode(path)) for path in paths}

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def tree(tmp_path: Path, write_file: WriteFile) -> Path:
    for number in range(10):
        write_file(tmp_path / "tree" / f"{number}.jpg")
    return tmp_path / "tree"


@pytest.fixture
def start(
    plain_work: Any, library: Path, empty_library: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., _Watching]]:
    shutil.copytree(empty_library, library)
    started: list[_Watching] = []

    def start_watching(*roots: Path, timing: Timing = QUICK, at: Path | None = None) -> _Watching:
        started.append(_Watching(at or library, list(roots), timing, monkeypatch))
        return started[-1]

    yield start_watching
    for running in started:
        running.stop()


Start = Callable[..., _Watching]


@pytest.fixture(params=["told by the system", "by looking again"])
def either_eye(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by looking again":
        monkeypatch.setattr(watching, "is_remote", lambda path: True)


@pytest.mark.usefixtures("either_eye")
def test_new_changed_moved_and_deleted_files_are_taken_in(
    start: Start, tree: Path, write_file: WriteFile, plain_work: Any
) -> None:
    running = start(tree)
    assert len(running.present()) == 10
    write_file(tree / "new.jpg")
    write_file(os.fsencode(tree) + b"/latin-\xe9.jpg")
    write_file(tree / "a" / "b" / "c" / "deep.jpg")
    running.wait_for(lambda: {"new.jpg", "deep.jpg", "latin-\udce9.jpg"} <= running.present())
    write_file(tree / "0.jpg", b"something else")
    running.wait_for(lambda: any(report.changed for report in running.reports))
    decoded = len(plain_work.decoded)
    (tree / "1.jpg").rename(tree / "moved.jpg")
    running.wait_for(lambda: any(report.moved for report in running.reports))
    assert "moved.jpg" in running.present()
    assert len(plain_work.decoded) == decoded + 1  # the stand-in for work reads it to know it
    (tree / "2.jpg").unlink()
    running.wait_for(lambda: "2.jpg" not in running.present())
    shutil.rmtree(tree / "a")
    running.wait_for(lambda: "deep.jpg" not in running.present())
    assert all(report.accounts.adds_up for report in running.reports)


def test_nothing_that_happens_is_no_round(start: Start, tree: Path, write_file: WriteFile) -> None:
    running = start(tree)
    write_file(tree / "notes.txt")
    write_file(tree / ".hidden" / "a.jpg")
    (tree / "3.jpg").read_bytes()
    time.sleep(1)
    assert len(running.reports) == 1
    assert "a.jpg" not in running.present()


def test_the_library_inside_a_root_is_not_watched(start: Start, tree: Path, library: Path) -> None:
    shutil.move(library, tree / "library")
    running = start(tree, at=tree / "library")
    (tree / "library" / "thumbnails").mkdir()
    shutil.copy(tree / "0.jpg", tree / "library" / "thumbnails" / "t.jpg")
    time.sleep(1)
    assert len(running.reports) == 1
    assert "t.jpg" not in running.present()


@pytest.mark.usefixtures("either_eye")
def test_a_file_that_is_still_being_written_is_waited_for(start: Start, tree: Path, plain_work: Any) -> None:
    running = start(tree, timing=Timing(tick_seconds=0.05, settle_seconds=0.6, poll_seconds=0.1))
    with (tree / "slow.jpg").open("wb", buffering=0) as file:
        for _ in range(10):
            file.write(b"a part, and ")
            time.sleep(0.15)
        assert "slow.jpg" not in running.present()
        file.write(b"the end")
    running.wait_for(lambda: "slow.jpg" in running.present())
    assert sum(path.endswith(b"slow.jpg") for path in plain_work.decoded) == 1
    assert not any(report.failed for report in running.reports)


@pytest.mark.usefixtures("either_eye")
def test_a_root_that_goes_marks_nothing_and_is_seen_again_when_it_returns(
    start: Start, tree: Path, write_file: WriteFile
) -> None:
    running = start(tree)
    tree.rename(tree.with_name("away"))
    running.wait_for(lambda: any("can't be read" in notice for notice in running.notices))
    assert len(running.present()) == 10
    tree.mkdir()  # as an empty mount point has it
    running.wait_for(lambda: any("is a drive away?" in notice for notice in running.notices))
    assert len(running.present()) == 10
    tree.rmdir()
    write_file(tree.with_name("away") / "added elsewhere.jpg")
    tree.with_name("away").rename(tree)
    running.wait_for(lambda: "added elsewhere.jpg" in running.present())
    write_file(tree / "added here.jpg")
    running.wait_for(lambda: "added here.jpg" in running.present())
    with Catalog(running.library) as catalog, catalog.engine.connect() as connection:
        assert connection.scalars(select(Trouble.reason)).all() == []


def test_more_than_a_fifth_deleted_at_once_marks_nothing(start: Start, tree: Path) -> None:
    running = start(tree)
    for number in range(3):
        (tree / f"{number}.jpg").unlink()
    running.wait_for(lambda: any("more than a fifth" in notice for notice in running.notices))
    assert len(running.present()) == 10


def test_where_the_system_cannot_tell_it_is_said_and_looked_at_again(
    start: Start, tree: Path, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> Iterator[object]:
        raise OSError("OS file watch limit reached.")
        yield

    monkeypatch.setattr("watchfiles.watch", refuse)
    running = start(tree)
    assert "limit reached" in running.notices[0]
    assert "fs.inotify.max_user_watches" in running.notices[0]
    write_file(tree / "new.jpg")
    running.wait_for(lambda: "new.jpg" in running.present())


def test_a_library_that_is_busy_or_broken_for_a_while_loses_nothing(
    start: Start, tree: Path, write_file: WriteFile, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start(tree)
    with Catalog(library) as catalog, catalog.lock():  # others may write between rounds
        write_file(tree / "new.jpg")
        running.wait_for(lambda: any("another vidi is writing" in notice for notice in running.notices))
    running.wait_for(lambda: "new.jpg" in running.present())
    with monkeypatch.context() as patched:
        patched.setattr(Session, "run_places", lambda *_, **__: (_ for _ in ()).throw(LibraryError("the disk is full")))
        write_file(tree / "newer.jpg")
        running.wait_for(lambda: any("the disk is full" in notice for notice in running.notices))
    running.wait_for(lambda: "newer.jpg" in running.present())
    assert len([notice for notice in running.notices if "the disk is full" in notice]) == 1


def test_a_single_file_and_a_linked_folder_are_watched(start: Start, tree: Path, write_file: WriteFile) -> None:
    elsewhere = tree.parent / "elsewhere"
    write_file(elsewhere / "one.jpg")
    write_file(elsewhere / "two.jpg")
    (tree / "link").symlink_to(elsewhere)
    running = start(tree, tree / "0.jpg")
    write_file(elsewhere / "three.jpg")
    running.wait_for(lambda: "three.jpg" in running.present())
    write_file(tree / "0.jpg", b"replaced")
    running.wait_for(lambda: any(report.changed for report in running.reports))


def test_sidecars_media_and_folders_are_looked_at(tree: Path, write_file: WriteFile) -> None:
    for name in ("0.xmp", "1.jpg.xmp", "notes.txt"):
        write_file(tree / name)
    folder = os.fsencode(tree)
    for name in (b"/0.xmp", b"/GONE.XMP", b"/0.jpg", b"", b"/gone"):
        assert list(watching._places_for(folder + name)) == [folder + name]
    assert list(watching._places_for(folder + b"/notes.txt")) == []


def test_places_settle_when_their_facts_rest(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path / "a")
    settling = Settling(2)
    (tmp_path / "a").write_bytes(b"1")
    settling.note([place], 0)
    assert settling.ripe(1) == []
    (tmp_path / "a").write_bytes(b"22")
    assert settling.ripe(2) == []
    assert settling.ripe(3.9) == []
    assert settling.ripe(4) == [place]
    settling.drop([place])
    assert len(settling) == 0


def test_network_shares_are_known_by_their_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = tmp_path / "mountinfo"
    monkeypatch.setattr(eyes, "_MOUNTS", listed)
    listed.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "31 22 0:44 / /mnt/our\\040share rw shared:1 - nfs4 server:/x rw\n"
        "32 22 0:45 / /mnt/our\\040share/usb rw - vfat /dev/sdb1 rw\n"
        "33 22 0:46 / /mnt/phone rw - fuse.sshfs phone:/ rw\n"
    )
    remote = {
        path: eyes.is_remote(path) for path in (b"/mnt/our share/a", b"/mnt/our share/usb/b", b"/mnt/phone", b"/x")
    }
    assert remote == {b"/mnt/our share/a": True, b"/mnt/our share/usb/b": False, b"/mnt/phone": True, b"/x": False}
    assert eyes.mounts_below(b"/mnt/our share") == {(b"/mnt/our share", "nfs4"), (b"/mnt/our share/usb", "vfat")}


def test_folders_beyond_the_limit_are_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eyes, "_may_watch_one_more", lambda: False)
    with pytest.raises(UnwatchableError, match="limit of watched folders is reached"):
        NotifiedEye([os.fsencode(tmp_path)], 0.1)


def test_looking_again_sees_only_differences(tmp_path: Path) -> None:
    eye = PollingEye([os.fsencode(tmp_path)], 0, None)
    (tmp_path / "a.jpg").write_bytes(b"1")
    seen: set[bytes] = set()
    while not seen:
        seen = eye.changes(0.05)
    assert seen == {os.fsencode(tmp_path / "a.jpg")}
    for content in ("1", "22"):
        (tmp_path / "a.xmp").write_text(content)
        assert eye.changes(5) == {os.fsencode(tmp_path / "a.xmp")}
    assert eye.changes(5) == set()


@pytest.mark.long
def test_a_burst_of_ten_thousand_is_survived(start: Start, tree: Path, write_file: WriteFile) -> None:
    running = start(tree)
    for number in range(10_000):
        write_file(tree / f"burst {number % 100}" / f"{number}.jpg")
    running.wait_for(lambda: sum(report.new for report in running.reports) == 10_010, 120)
    assert all(report.accounts.adds_up for report in running.reports)
    with Catalog(running.library) as catalog, catalog.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(File).where(File.present)) == 10_010
    shutil.rmtree(tree / "burst 7")
    running.wait_for(lambda: sum(report.missing for report in running.reports) == 100, 60)
