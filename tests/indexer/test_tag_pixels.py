"""Taggers that read pixels, over libraries of real files: decoded for them, batched, and committed as they go."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from indexer import index
from indexer.tag import tag
from retrieval.settings import IndexSettings, Settings
from retrieval.store.catalog import Catalog
from retrieval.store.schema import Label, Segment, SegmentTag, TagResult
from retrieval.store.tags import Tags
from retrieval.tagging.registry import get_tagger

COLOURS = {"red": (220, 30, 30), "blue": (40, 70, 220)}


def draw(path: Path, colour: str) -> None:
    Image.new("RGB", (90, 60), COLOURS[colour]).save(path)


def film(path: Path) -> None:
    """Two seconds of red, then two of blue."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        for number in range(40):
            pixels = np.broadcast_to(np.uint8(COLOURS["red" if number < 20 else "blue"]), (64, 96, 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    for colour in COLOURS:
        draw(folder / f"{colour}.png", colour)
    return folder


@pytest.fixture
def tagged(tmp_path: Path, media: Path, colour_model: Path) -> Callable[..., Any]:
    """Tags the library by the model; gives the model's part of the report, and the notices."""

    def run(**more: Any) -> Any:
        report = tag([get_tagger(str(colour_model))], tmp_path / "library", **more)
        return report.taggers[0], report.notices, report.interrupted

    index([media], tmp_path / "library")
    return run


def said(library: Path) -> dict[str, list[str]]:
    with Catalog(library) as catalog:
        tags = Tags(catalog)
        files = tags.files()
        known = tags.of([file.asset_id for file in files])
        return {
            Path(os.fsdecode(file.path)).name: [tag.label for tag in known.get(file.asset_id, [])] for file in files
        }


def rows(library: Path, statement: Any) -> list[tuple[Any, ...]]:
    with Catalog(library) as catalog, catalog.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement)]


def test_pictures_and_films_are_tagged_once(tmp_path: Path, media: Path, tagged: Callable[..., Any]) -> None:
    film(media / "film.mp4")
    (media / "copy.png").write_bytes((media / "red.png").read_bytes())
    index([media], tmp_path / "library")
    done, notices, _ = tagged()
    assert (done.assets, done.tagged, done.tags, done.failed, notices) == (3, 3, 4, 0, [])
    found = said(tmp_path / "library")
    assert sorted(found.pop("film.mp4")) == ["blue", "red"]
    assert found == {"red.png": ["red"], "copy.png": ["red"], "blue.png": ["blue"]}
    of_film = select(Segment.start_seconds, Label.name).join(SegmentTag, SegmentTag.segment_id == Segment.id)
    parts = rows(tmp_path / "library", of_film.join(Label, Label.id == SegmentTag.label_id).order_by(Segment.position))
    assert [label for start, label in parts if start < 1.5] == ["red"]
    assert {label for start, label in parts if start >= 1.9} == {"blue"}
    assert tagged()[0].assets == 0


def test_files_that_cannot_be_looked_at_cost_themselves_alone(
    tmp_path: Path, media: Path, tagged: Callable[..., Any]
) -> None:
    draw(media / "red.png", "blue")  # what the library knows of it is no longer so
    (media / "blue.png").write_bytes(b"no picture")
    Image.new("RGB", (40, 40), COLOURS["red"]).save(media / "third.png")
    index([media / "third.png"], tmp_path / "library")
    done, notices, _ = tagged()
    assert (done.assets, done.failed) == (1, 2)
    assert sorted(notices)[0].startswith(f"{media}/blue.png can't be looked at: ")
    assert sorted(notices)[1].endswith("it changed since it was indexed; run `vidi index` on it first")
    assert said(tmp_path / "library") == {"red.png": [], "blue.png": [], "third.png": ["red"]}
    draw(media / "blue.png", "blue")
    index([media], tmp_path / "library")
    assert tagged()[0].failed == 0
    assert said(tmp_path / "library")["red.png"] == ["blue"]


def test_of_several_copies_one_that_can_be_read_will_do(
    tmp_path: Path, media: Path, tagged: Callable[..., Any]
) -> None:
    (media / "another red.png").write_bytes((media / "red.png").read_bytes())
    index([media], tmp_path / "library")
    (media / "another red.png").unlink()
    done, notices, _ = tagged()
    assert (done.assets, done.failed, notices) == (2, 0, [])
    assert said(tmp_path / "library")["red.png"] == ["red"]


def test_stopped_it_keeps_what_is_done_and_goes_on(
    tmp_path: Path, tagged: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.tag_pixels._ASSETS_PER_COMMIT", 1)
    one_by_one = Settings(index=IndexSettings(workers=1, batch_size=1))

    def stop(done: int, total: int) -> None:
        assert total == 2
        raise KeyboardInterrupt

    assert tagged(progress=stop, settings=one_by_one)[2]
    assert len(rows(tmp_path / "library", select(TagResult.asset_id))) == 1
    assert tagged()[0].assets == 1
    assert said(tmp_path / "library") == {"red.png": ["red"], "blue.png": ["blue"]}
