"""The scan finds every media file once, whatever the tree looks like."""

from __future__ import annotations

import os
import socket
import time
import tracemalloc
from pathlib import Path

import pytest

from indexer.scan import DANGLING, NOT_REGULAR, Blocked, Notice, scan
from retrieval.store.intake import FoundFile


def _scan(*roots: Path | bytes, library: Path | None = None) -> tuple[list[bytes], list[Notice | Blocked]]:
    found = list(scan([os.fsencode(root) for root in roots], library=library))
    files = [item.path for item in found if isinstance(item, FoundFile)]
    return files, [item for item in found if not isinstance(item, FoundFile)]


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_media_below_a_folder_by_name_with_their_facts(tmp_path: Path) -> None:
    _touch(tmp_path / "b/c.MP4", tmp_path / "a.jpg", tmp_path / "b/notes.txt", tmp_path / "sound.mp3")
    found = list(scan([os.fsencode(tmp_path)], library=None))
    assert [(item.path, item.kind) for item in found if isinstance(item, FoundFile)] == [
        (os.fsencode(tmp_path / "a.jpg"), "picture"),
        (os.fsencode(tmp_path / "sound.mp3"), "sound"),
        (os.fsencode(tmp_path / "b/c.MP4"), "video"),
    ]
    facts = (tmp_path / "a.jpg").stat()
    assert isinstance(found[0], FoundFile)
    assert (found[0].size_bytes, found[0].modified_ns, found[0].inode) == (1, facts.st_mtime_ns, facts.st_ino)


def test_hidden_names_and_the_library_itself_are_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path / ".cache/a.jpg", tmp_path / ".b.jpg", tmp_path / "library/thumbnails/c.jpg", tmp_path / "d.jpg")
    files, notices = _scan(tmp_path, library=tmp_path / "library")
    assert files == [os.fsencode(tmp_path / "d.jpg")]
    assert notices == []


def test_loops_of_links_end_and_linked_folders_are_seen_once(tmp_path: Path) -> None:
    _touch(tmp_path / "a/x.jpg")
    (tmp_path / "a/loop").symlink_to(tmp_path)
    (tmp_path / "z").symlink_to(tmp_path / "a")
    files, _ = _scan(tmp_path)
    assert [Path(os.fsdecode(path)).name for path in files] == ["x.jpg"]


def test_overlapping_roots_give_each_file_once(tmp_path: Path) -> None:
    _touch(tmp_path / "a/x.jpg", tmp_path / "y.jpg")
    files, _ = _scan(tmp_path / "a/x.jpg", tmp_path, tmp_path / "a", tmp_path)
    assert sorted(files) == [os.fsencode(tmp_path / "a/x.jpg"), os.fsencode(tmp_path / "y.jpg")]


def test_what_cannot_be_media_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    _touch(tmp_path / "good.jpg", tmp_path / "notes.txt")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.png"))
        files, notices = _scan(tmp_path, tmp_path / "notes.txt", tmp_path / "absent")
    assert files == [os.fsencode(tmp_path / "good.jpg")]
    reasons = {os.path.basename(os.fsdecode(notice.path)): notice.reason for notice in notices}
    assert reasons == {
        "pipe.jpg": NOT_REGULAR,
        "s.png": NOT_REGULAR,
        "dangling.jpg": DANGLING,
        "notes.txt": "is not a picture, video or sound by its name",
        "absent": "can't be read (No such file or directory)",
    }


def test_an_unreadable_folder_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _touch(tmp_path / "locked/a.jpg", tmp_path / "open/b.jpg")
    real = os.scandir

    def refuse(path: bytes) -> object:
        if path.endswith(b"locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything, so modes alone can't show this
    files, notices = _scan(tmp_path)
    assert files == [os.fsencode(tmp_path / "open/b.jpg")]
    assert notices == [Notice(os.fsencode(tmp_path / "locked"), "can't be listed (Permission denied)")]


def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    for name in (b"new\nline.jpg", b"latin-\xe9.jpg"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"x")
    files, _ = _scan(folder)
    assert files == [folder + b"/latin-\xe9.jpg", folder + b"/new\nline.jpg"]


@pytest.mark.long
def test_a_folder_of_two_hundred_thousand_files(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for number in range(200_000):
        os.close(os.open(f"{number:06}.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    began, peak = time.monotonic(), 0
    tracemalloc.start()
    count, last = 0, b""
    for found in scan([os.fsencode(tmp_path)]):
        assert isinstance(found, FoundFile)
        assert found.path > last
        count, last = count + 1, found.path
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert peak < 150 << 20
    assert time.monotonic() - began < 60
