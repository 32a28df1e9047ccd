"""Whether a file that the catalog knows is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer.gone import is_gone


def test_what_is_there_is_not_gone_even_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "nowhere")
    assert not is_gone(os.fsencode(tmp_path / "a.jpg"))
    assert not is_gone(os.fsencode(tmp_path / "b.jpg"))


def test_no_such_file_and_no_such_folder_are_gone(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert is_gone(os.fsencode(tmp_path / "a.jpg"))
    assert is_gone(os.fsencode(tmp_path / "folder" / "a.jpg"))
    assert is_gone(os.fsencode(tmp_path / "file" / "a.jpg"))


def test_what_cannot_be_looked_at_may_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: bytes) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "lstat", refuse)
    assert not is_gone(b"/locked/a.jpg")
