"""Files come to be whole or not at all, in folders that outlast a power failure."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from retrieval.errors import LibraryBusyError, LibraryError
from retrieval.store.files import hold_lock, make_folder, replacing


def test_a_file_is_its_owners_alone_and_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "tracks" / "ab" / "file"
    with replacing(path) as temporary:
        temporary.write_bytes(b"content")
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(28, "No space left on device"), r"\(No space left on device\); make room on its disk"),
        (PermissionError(13, "Permission denied"), "see who may write there"),
        (OSError(5, "Input/output error"), "check its disk"),
    ],
    ids=["full", "forbidden", "broken"],
)
def test_a_write_that_fails_leaves_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, advice: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(_descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LibraryError, match=advice), replacing(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_each_new_folder_is_synced_into_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", note)
    make_folder(tmp_path / "tracks" / "ab")
    assert synced == [str(tmp_path), str(tmp_path / "tracks")]
    make_folder(tmp_path / "tracks" / "ab")
    assert len(synced) == 2


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "index.lock"
    with (
        hold_lock(path),
        pytest.raises(LibraryBusyError, match="another vidi is writing"),
        hold_lock(path),
    ):
        pass
    with hold_lock(path, wait=True):
        pass
