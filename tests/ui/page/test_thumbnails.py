"""Thumbnails are made once, kept whole, and bounded."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from retrieval.errors import BadMediaError, TransientMediaError
from retrieval.media.files import open_media
from retrieval.media.worker import MediaWorkers
from retrieval.store.catalog import Catalog
from tests.ui.page.colours import COLOURS
from tests.ui.page.conftest import Collection
from ui.page.files import CatalogFiles, OpenFile
from ui.page.renditions import make_renditions_with
from ui.page.thumbnails import Rendition, ThumbnailStore


@pytest.fixture
def opened(collection: Collection) -> Iterator[OpenFile]:
    with Catalog(collection.library) as catalog:
        opened = CatalogFiles(catalog).open(collection.assets["three.webm"])
        assert opened is not None
        yield opened
        opened.close()


class Maker:
    """Counts what it makes; each is of 100 bytes."""

    def __init__(self) -> None:
        self.made: list[Rendition] = []

    def __call__(self, rendition: Rendition) -> bytes:
        self.made.append(rendition)
        return b"%100d" % len(self.made)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_thumbnail_is_made_once(opened: OpenFile, tmp_path: Path) -> None:
    maker = Maker()
    first = ThumbnailStore(tmp_path, maker).get(opened, 4.0, 480)
    assert ThumbnailStore(tmp_path, maker).get(opened, 4.0001, 480) == first
    assert maker.made == [Rendition(opened.path, opened.kind, 4.0, 480, opened.stat)]


def test_another_time_or_size_is_another_thumbnail(opened: OpenFile, tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path, Maker())
    assert len({store.get(opened, *asked) for asked in ((None, 480), (0.0, 480), (1.0, 480), (1.0, 1600))}) == 4


def test_the_oldest_go_first(opened: OpenFile, tmp_path: Path) -> None:
    maker = Maker()
    store = ThumbnailStore(tmp_path, maker, files_most=10)
    for second in range(10):
        store.get(opened, float(second), 480)
        (newest,) = [path for path in files_in(tmp_path) if f"-{second * 1000}-" in path.name]
        os.utime(newest, (time.time() - 1000 + second,) * 2)
    store.get(opened, 10.0, 480)
    left = {path.name.split("-")[1] for path in files_in(tmp_path)}
    assert left == {str(second * 1000) for second in range(2, 11)}


def test_bytes_are_bounded_too(opened: OpenFile, tmp_path: Path) -> None:
    store = ThumbnailStore(tmp_path, Maker(), bytes_most=1000)
    for second in range(30):
        store.get(opened, float(second), 480)
    assert 500 <= sum(path.stat().st_size for path in files_in(tmp_path)) <= 1000


def test_a_folder_that_cant_be_written_costs_time_alone(opened: OpenFile, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    maker = Maker()
    store = ThumbnailStore(tmp_path / "file", maker)
    assert store.get(opened, 0.0, 480) != store.get(opened, 0.0, 480)
    assert len(maker.made) == 2


def test_workers_make_pictures_and_moments(collection: Collection) -> None:
    with Catalog(collection.library) as catalog, MediaWorkers(processes=1) as workers:
        files, make = CatalogFiles(catalog), make_renditions_with(workers)
        for name, at_seconds, colour in (
            ("leaf.tif", None, "green"),
            ("three.webm", 5.0, "green"),
            ("three.avi", 9.0, "blue"),
        ):
            opened = files.open(collection.assets[name])
            assert opened is not None
            jpeg = make(Rendition(opened.path, opened.kind, at_seconds, 480, opened.stat))
            opened.close()
            with Image.open(io.BytesIO(jpeg)) as picture:
                assert max(picture.size) <= 480
                seen = picture.convert("RGB").getpixel((picture.width - 9, picture.height - 9))
            assert all(abs(a - b) < 25 for a, b in zip(seen, COLOURS[colour], strict=True)), (name, seen)


def test_a_file_that_is_no_picture_has_no_thumbnail(tmp_path: Path, opened: OpenFile) -> None:
    path = tmp_path / "words.jpg"
    path.write_text("no picture")
    with open_media(path) as words:
        stat = words.stat
    with MediaWorkers(processes=1) as workers, pytest.raises(BadMediaError, match="picture"):
        make_renditions_with(workers)(Rendition(os.fsencode(path), opened.kind, None, 480, stat))


def test_what_takes_the_place_of_a_file_while_it_waits_is_not_shown_as_that(
    own_collection: Collection, tmp_path: Path
) -> None:
    """Of the same size and time, as one who wants it to be taken for that would make it."""
    path, other = own_collection.media / "rose.png", tmp_path / "other.png"
    with Catalog(own_collection.library) as catalog:
        opened = CatalogFiles(catalog).open(own_collection.assets["rose.png"])
    assert opened is not None
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(0, opened.stat.mtime_ns))

    def make_late(rendition: Rendition) -> bytes:
        other.replace(path)
        with MediaWorkers(processes=1) as workers:
            return make_renditions_with(workers)(rendition)

    store = ThumbnailStore(tmp_path / "kept", make_late)
    with pytest.raises(TransientMediaError, match="changed or replaced since it was looked for"):
        store.get(opened, None, 480)
    assert store.kept(opened, None, 480) is None
    opened.close()
