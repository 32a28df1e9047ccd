"""Feature tracks survive being kept: packed or as files, and damage is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import LibraryError
from retrieval.store import tracks
from retrieval.store.tracks import pack_track, read_track
from retrieval.types import FeatureTrack


def _track(count: int, dim: int = 8) -> FeatureTrack:
    generator = np.random.default_rng(count)
    times = np.stack([np.arange(count), np.arange(count) + 1], axis=1).astype(np.float32)
    return FeatureTrack(times, generator.normal(size=(count, dim)).astype(np.float16))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_short_track_is_packed(tmp_path: Path, count: int) -> None:
    track = _track(count)
    stored = pack_track(track, tmp_path, "ab-appearance")
    assert stored.path is None
    kept = read_track(stored, tmp_path)
    np.testing.assert_array_equal(kept.features, track.features)
    np.testing.assert_array_equal(kept.times, track.times)


def test_a_long_track_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 100)
    track = _track(50)
    stored = pack_track(track, tmp_path, "ab-appearance")
    assert stored.path == "tracks/ab/ab-appearance.safetensors"
    np.testing.assert_array_equal(read_track(stored, tmp_path).features, track.features)
    (tmp_path / stored.path).write_bytes((tmp_path / stored.path).read_bytes()[:-40])
    with pytest.raises(LibraryError, match="can't be read"):
        read_track(stored, tmp_path)
    (tmp_path / stored.path).unlink()
    with pytest.raises(LibraryError, match="`vidi index --rehash` on its folder"):
        read_track(stored, tmp_path)


def test_a_damaged_row_is_a_plain_line(tmp_path: Path) -> None:
    stored = replace(pack_track(_track(2), tmp_path, "ab-appearance"), features=b"short")
    with pytest.raises(LibraryError, match=r"in the catalog is damaged.*`vidi index --rehash`"):
        read_track(stored, tmp_path)


def test_a_full_disk_is_a_plain_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 0)
    (tmp_path / "tracks").write_bytes(b"in the way")
    with pytest.raises(LibraryError, match=r"ab-appearance.safetensors can't be written"):
        pack_track(_track(2), tmp_path, "ab-appearance")
