"""An expert whose package is installed and can't be imported is masked and named, and asked once that is mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from indexer import index
from indexer.report import IndexReport
from retrieval.settings import IndexSettings, Settings
from retrieval.store.catalog import Catalog
from retrieval.store.schema import ExpertFailure, Track
from tests.broken_package import break_package
from tests.indexer.test_listening import film

COMMAND = "can't be imported (libGL.so.1 is gone); run: pip install opencv-python-headless"


def run_index(folder: Path, library: Path, lines: list[str]) -> IndexReport:
    return index([folder], library, settings=Settings(index=IndexSettings(experts=("motion",))), notice=lines.append)


def test_opencv_that_can_not_be_imported_masks_motion(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    film(tmp_path / "film.mp4")
    with monkeypatch.context() as broken:
        break_package("cv2", tmp_path, broken)
        for run in ("new media", "known media"):
            lines.clear()
            report = run_index(tmp_path / "film.mp4", library, lines)
            assert (report.failed, report.heard) == (0, 0), run
            assert next(line for line in lines if "motion" in line).endswith(COMMAND), run
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        assert connection.scalars(select(Track.id).where(Track.expert == "motion")).all() == []
        assert connection.execute(select(ExpertFailure)).all() == []

    assert run_index(tmp_path / "film.mp4", library, lines).heard == 1
