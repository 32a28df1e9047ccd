"""What a kill leaves behind is removed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import LibraryError
from retrieval.store import tracks
from retrieval.store.catalog import Catalog
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.sweep import sweep_orphans
from retrieval.types import FeatureTrack, MediaFacts, MediaKind


def test_only_orphans_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "PACKED_BYTES_MOST", 0)
    with Catalog(tmp_path / "library", create=True) as catalog:
        intake = Intake(catalog, ("frames", "1"))
        intake.take_in([FoundFile(b"/a.mp4", "video", 1, 1, 1)], [], [])
        track = FeatureTrack(np.zeros((1, 2), np.float32), np.ones((1, 4), np.float16))
        record = MediaRecord(
            intake.known([b"/a.mp4"])[b"/a.mp4"].id,
            b"h" * 32,
            MediaFacts(MediaKind.VIDEO),
            [SegmentRecord(0, 1, 0)],
            np.ones((1, 2), np.float32),
            {("appearance", "v1"): track},
        )
        intake.write(catalog.space("starter", "v1", 2, normalized=True), [record], [])
        (kept,) = (catalog.library / "tracks").glob("*/*.safetensors")
        orphan = kept.with_name("ff-appearance-v1.safetensors")
        unfinished = kept.with_name(".x.safetensors.123.part")
        for path in (orphan, unfinished):
            path.write_bytes(b"")
        assert sweep_orphans(catalog) == 2
        assert kept.exists()
        assert not orphan.exists()
        assert not unfinished.exists()


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    with Catalog(tmp_path / "library", create=True) as catalog:
        library = catalog.library
        ours = [
            library / ".catalog-0001-20260101T000000Z.backup.sqlite.7.part",
            library / "vectors" / ".starter-1.faiss.7.part",
            library / "tracks" / "ab" / ".x.safetensors.7.part",
        ]
        theirs = [library / "movie.mkv.part", library / "tracks" / "ab" / "song.part", library / "tracks" / "x.part"]
        theirs += [library / "tracks" / "models" / "mine.safetensors", library / "tracks" / "ab" / "mine.safetensors"]
        for path in ours + theirs:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        with catalog.index_lock():
            assert sweep_orphans(catalog) == 2
        assert sweep_orphans(catalog) == 1
        assert not any(path.exists() for path in ours)
        assert all(path.exists() for path in theirs)


def test_what_can_not_be_removed_is_a_plain_line(tmp_path: Path) -> None:
    with Catalog(tmp_path / "library", create=True) as catalog:
        (catalog.library / ".catalog-1.backup.sqlite.7.part").mkdir()
        with pytest.raises(LibraryError, match=r"7.part can't be written"):
            sweep_orphans(catalog)
