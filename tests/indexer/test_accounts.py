"""Nothing is passed over in silence: whatever a tree holds, the numbers add up and each trouble has its reason."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer import IndexReport, index
from retrieval import Library
from retrieval.library import LibraryStatus

WriteFile = Callable[..., None]


def _status(library: Path) -> LibraryStatus:
    with Library(library) as opened:
        return opened.status()


def _assert_adds_up(report: IndexReport, library: Path) -> None:
    """The run's own sum, the catalog's, and the two held against each other."""
    accounts = report.accounts
    assert accounts.adds_up, accounts
    census = _status(library).census
    failed = len(census.failures)
    assert census.files_present == census.files_indexed + census.files_waiting + census.files_parts + failed
    assert all(failure.reason for failure in census.failures)
    assert (census.others, census.hidden) == (accounts.others, accounts.hidden)
    assert len(census.troubles) == accounts.troubled_places


def _reasons(library: Path) -> dict[str, str]:
    census = _status(library).census
    return {os.path.basename(os.fsdecode(found.path)): found.reason for found in (*census.failures, *census.troubles)}


@pytest.fixture
def troubled(tmp_path: Path, write_file: WriteFile) -> Iterator[tuple[Path, int]]:
    """A tree with every kind of trouble, and how many entries in it have a media name."""
    tree = tmp_path / "tree"
    for name in ("good.jpg", "deep/er/good.mp4", "sound.mp3", *(f"many/{number}.jpg" for number in range(10))):
        write_file(tree / name)
    write_file(tree / "broken.jpg", b"bad")
    write_file(tree / "not now.jpg", b"later")
    write_file(tree / "empty.png", b"")
    write_file(os.fsencode(tree) + b"/latin-\xe9.jpg")
    write_file(os.fsencode(tree) + b"/new\nline.jpg")
    shutil.copy(tree / "good.jpg", tree / "copy.jpg")
    os.link(tree / "good.jpg", tree / "hard link.jpg")
    (tree / "link.jpg").symlink_to(tree / "good.jpg")
    os.mkfifo(tree / "pipe.jpg")
    os.mkfifo(tree / "pipe without a suffix")
    (tree / "dangling.jpg").symlink_to(tree / "away")
    (tree / "loop.jpg").symlink_to(tree / "loop.jpg")
    (tree / "null.mp4").symlink_to("/dev/null")
    (tree / "round").symlink_to(tree)
    (tree / "drive").symlink_to(tmp_path / "unplugged")
    (tree / "self").symlink_to(tree / "self")
    write_file(tree / "album.jpg" / "inside.jpg")  # a folder with a media name
    for name in (
        "notes.txt",
        "more.TXT",
        "good.xmp",
        "of nothing.xmp",
        "no suffix",
        ".hidden.jpg",
        ".cache/thumbnail.jpg",
    ):
        write_file(tree / name)
    write_file(tree / "locked" / "unseen.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(tree, os.O_RDONLY)  # a socket's path may be 107 bytes long at most
        server.bind(f"/proc/self/fd/{folder}/socket.png")
        os.close(folder)
        yield tree, 27


def _lock(monkeypatch: pytest.MonkeyPatch, name: bytes) -> None:
    """Whoever runs the tests may be root, who may list everything, so modes alone can't show this."""
    real = os.scandir

    def refuse(path: Any) -> Any:
        if os.fsencode(path).endswith(name):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_tree_with_every_kind_of_trouble_adds_up(
    plain_work: Any, library: Path, troubled: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, media = troubled
    _lock(monkeypatch, b"locked")
    report = index([tree], library)
    _assert_adds_up(report, library)
    assert report.accounts.found == media
    assert (report.accounts.indexed, report.accounts.failed) == (19, 8)
    assert report.accounts.others == {".txt": 2, ".xmp": 1, "": 2}  # beside its media, it is a sidecar
    assert report.accounts.hidden == 2
    assert _reasons(library) == {
        "broken.jpg": "it is damaged",
        "not now.jpg": "it is damaged",
        "empty.png": "it is damaged",
        "pipe.jpg": "is not a regular file but a pipe, socket or device; expected a file with content",
        "socket.png": "is not a regular file but a pipe, socket or device; expected a file with content",
        "null.mp4": "is not a regular file but a pipe, socket or device; expected a file with content",
        "dangling.jpg": "is a link to what isn't there; is a drive or folder away?",
        "loop.jpg": "can't be read (Too many levels of symbolic links)",
        "drive": "is a link to what isn't there; is a drive or folder away?",
        "self": "can't be read (Too many levels of symbolic links)",
        "locked": "can't be listed (Permission denied)",
    }
    again = index([tree], library)
    _assert_adds_up(again, library)
    assert (again.new, again.accounts.found) == (0, media)


def test_troubles_end_when_the_next_look_goes_well(
    plain_work: Any, library: Path, troubled: tuple[Path, int], monkeypatch: pytest.MonkeyPatch, write_file: WriteFile
) -> None:
    tree, media = troubled
    with monkeypatch.context() as patched:
        _lock(patched, b"locked")
        index([tree], library)
    for name in ("dangling.jpg", "loop.jpg", "null.mp4", "pipe.jpg", "self", "socket.png"):
        (tree / name).unlink()
    write_file(tree / "pipe.jpg")
    (tree.parent / "unplugged").mkdir()
    write_file(tree / "broken.jpg", b"mended by now")
    report = index([tree], library)
    _assert_adds_up(report, library)
    assert _reasons(library) == {"not now.jpg": "it is damaged", "empty.png": "it is damaged"}
    assert report.accounts.found == media - 4 + 1  # what was locked is seen


def test_a_known_file_that_cannot_be_read_now_keeps_what_is_known(
    plain_work: Any, library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    drive, tree = tmp_path / "drive", tmp_path / "tree"
    write_file(drive / "a.jpg")
    write_file(tree / "b.jpg")
    (tree / "a.jpg").symlink_to(drive / "a.jpg")
    assert index([tree], library).indexed == 2
    drive.rename(tmp_path / "away")
    report = index([tree], library)
    _assert_adds_up(report, library)
    assert (report.accounts.indexed, report.accounts.failed, report.missing) == (1, 1, 0)
    (tmp_path / "away").rename(drive)
    report = index([tree], library)
    assert (report.accounts.indexed, report.indexed, report.failed) == (2, 0, 0)


def test_files_that_change_or_go_while_they_are_read_are_accounted_for(
    plain_work: Any, library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    tree = tmp_path / "tree"
    for number in range(10):
        write_file(tree / f"{number}.jpg")

    def happen(path: bytes) -> None:
        if path.endswith(b"3.jpg"):
            os.unlink(path)

    plain_work.before_reading = staticmethod(happen)
    report = index([tree], library)
    _assert_adds_up(report, library)
    assert (report.accounts.indexed, report.accounts.failed, report.missing) == (9, 1, 0)
    report = index([tree], library)
    _assert_adds_up(report, library)
    assert (report.accounts.indexed, report.accounts.failed, report.missing) == (9, 0, 1)


def test_a_path_as_long_as_the_system_allows_and_longer(
    plain_work: Any, library: Path, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = Path(tempfile.mkdtemp())
    try:
        monkeypatch.chdir(top)
        depth = len(os.fsencode(top))
        while depth + 100 < 3990:
            os.mkdir("f" * 99)
            os.chdir("f" * 99)
            depth += 100
        rest = 4000 - depth - len("/.jpg")
        write_file(Path.cwd() / ("p" * rest + ".jpg"), b"of 4,000 bytes")
        with open("q" * (rest + 120) + ".jpg", "wb") as file:
            file.write(b"beyond what can be named")
        report = index([top], library)
        _assert_adds_up(report, library)
        assert (report.accounts.found, report.accounts.indexed, report.accounts.failed) == (2, 1, 1)
        assert "File name too long" in next(iter(_reasons(library).values()))
        again = index([top], library)
        assert (again.accounts.found, again.missing, again.unchanged) == (2, 0, 2)
    finally:
        monkeypatch.undo()
        shutil.rmtree(top)


def test_what_lies_beside_media_is_counted_once_under_roots_in_each_other(
    plain_work: Any, library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    for name in ("a.txt", "in/b.txt", "in/c.jpg", "in/.d", "beside/e.txt"):
        write_file(tmp_path / "tree" / name)
    for roots in ([tmp_path / "tree/in", tmp_path / "tree"], [tmp_path / "tree/in"]):
        report = index(roots, library)
        assert report.accounts.adds_up
        census = _status(library).census
        assert (census.others, census.hidden) == ({".txt": 3}, 1)


def test_a_run_that_is_stopped_says_what_waits(
    plain_work: Any, library: Path, tmp_path: Path, write_file: WriteFile
) -> None:
    for number in range(5):
        write_file(tmp_path / "tree" / f"{number}.jpg")

    def stop(path: bytes) -> None:
        raise KeyboardInterrupt

    plain_work.before_reading = staticmethod(stop)
    report = index([tmp_path / "tree"], library)
    _assert_adds_up(report, library)
    assert (report.interrupted, report.accounts.waiting) == (True, 5)


KINDS = ("good", "bad", "later", "empty", "fifo", "dangling", "copy", "other", "hidden", "folder link", "gone")
NAMES = st.text(alphabet="abé\n\u2028", min_size=1, max_size=3)
TREES = st.dictionaries(st.tuples(st.sampled_from(["", "x/", "x/y/", "z.jpg/"]), NAMES), st.sampled_from(KINDS))


def _plant(tree: Path, kind: str, path: Path, write_file: WriteFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    media = path.with_name(path.name + ".jpg")
    match kind:
        case "good" | "gone":
            write_file(media)
        case "bad" | "later":
            write_file(media, kind.encode() + os.fsencode(path))
        case "empty":
            write_file(media, b"")
        case "fifo":
            os.mkfifo(media)
        case "dangling":
            media.symlink_to(tree / "nothing")
        case "copy":
            write_file(media, b"the same")
        case "other":
            write_file(path.with_name(path.name + ".txt"))
        case "hidden":
            write_file(path.with_name("." + path.name + ".jpg"))
        case "folder link":
            path.with_name(path.name + " link").symlink_to(tree)


def _unlinking(going: list[Path]) -> Callable[[bytes], None]:
    paths = frozenset(map(os.fsencode, going))
    return lambda path: os.unlink(path) if path in paths else None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=TREES, after=TREES)
def test_random_trees_that_change_add_up(
    before: dict[tuple[str, str], str],
    after: dict[tuple[str, str], str],
    plain_work: Any,
    empty_library: Path,
    write_file: WriteFile,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        tree, library = Path(folder, "tree"), Path(folder, "library")
        shutil.copytree(empty_library, library)
        for planned in (before, after):
            shutil.rmtree(tree, ignore_errors=True)
            tree.mkdir()
            for (place, name), kind in planned.items():
                _plant(tree, kind, tree / place / name, write_file)
            going = [tree / place / f"{name}.jpg" for (place, name), kind in planned.items() if kind == "gone"]
            plain_work.before_reading = staticmethod(_unlinking(going))
            report = index([tree], library)
            _assert_adds_up(report, library)
            media = [kind for kind in planned.values() if kind not in ("other", "hidden", "folder link")]
            assert report.accounts.found == len(media)
            assert report.accounts.hidden == sum(kind == "hidden" for kind in planned.values())
            assert sum(report.accounts.others.values()) == sum(kind == "other" for kind in planned.values())
