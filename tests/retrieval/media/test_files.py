from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from retrieval.errors import BadMediaError, TransientMediaError
from retrieval.media.files import identify


def test_identity_is_the_hash_of_the_content_and_the_state_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    content = os.urandom(3_000_000)  # several chunks
    path.write_bytes(content)
    found = identify(path)
    stat = path.stat()
    assert found.content_hash == blake3(content).digest()
    assert (found.size_bytes, found.mtime_ns, found.inode) == (3_000_000, stat.st_mtime_ns, stat.st_ino)


@pytest.mark.parametrize("name", [b"line\nbreak.jpg", b"not \xff\xfe utf-8.jpg", "schöne Grüße.jpg".encode()])
def test_any_name_that_the_system_allows_is_read(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    with open(path, "wb") as file:
        file.write(b"content")
    assert identify(path) == identify(os.fsdecode(path))


def test_an_empty_file_is_bad(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(BadMediaError, match="the file is empty"):
        identify(tmp_path / "a.jpg")


def test_a_vanished_file_is_of_the_moment(tmp_path: Path) -> None:
    with pytest.raises(TransientMediaError, match="vanished"):
        identify(tmp_path / "gone.jpg")


def test_an_unreadable_file_is_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    path.chmod(0)
    if os.geteuid() == 0:  # root reads it all the same: let the system refuse in its stead

        def refuse(*arguments: Any) -> int:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(TransientMediaError, match="may not be read"):
        identify(path)


def test_a_disk_error_is_of_the_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(TransientMediaError, match=r"reading failed \(Input/output error\)"):
        identify(tmp_path / "a.jpg")


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(BadMediaError, match="not a regular file"):
        identify(tmp_path / "a.jpg")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(BadMediaError, match="not a regular file"):
        identify(tmp_path / "a.jpg")
