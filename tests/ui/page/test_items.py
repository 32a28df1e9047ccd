"""All that the catalog knows of one asset."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from retrieval.store.catalog import Catalog
from retrieval.store.parts import Parts
from retrieval.store.schema import Segment, Segmentation
from retrieval.store.tags import Tags
from retrieval.types import TextSource, TimedText
from tests.ui.page.colours import ColourLibrary, write_picture, write_video
from tests.ui.page.conftest import Collection
from ui.page.items import Item, Items


@pytest.fixture
def catalog(collection: Collection) -> Iterator[Catalog]:
    with Catalog(collection.library) as catalog:
        yield catalog


@pytest.fixture
def own_catalog(own_collection: Collection) -> Iterator[Catalog]:
    with Catalog(own_collection.library) as catalog:
        yield catalog


def item_of(items: Items, asset_id: int) -> Item:
    item = items.of(asset_id)
    assert item is not None
    return item


def test_a_picture_and_its_copy(catalog: Catalog, collection: Collection) -> None:
    item = item_of(Items(catalog), collection.assets["sea.jpg"])
    assert (item.kind, item.name, item.folder) == ("picture", "sea again.jpg", str(collection.media))
    assert item.copies == (str(collection.media / "sea.jpg"),)
    assert item.stills == ()
    assert not item.is_tagged


def test_a_video_has_stills_along_its_length(catalog: Catalog, collection: Collection) -> None:
    item = item_of(Items(catalog), collection.assets["three.webm"])
    assert item.stills == (0.0, 4.0, 8.0)


def test_stills_are_frames_though_windows_were_cut_later(empty_library: Path, tmp_path: Path) -> None:
    shutil.copytree(empty_library, tmp_path / "library")
    library = ColourLibrary(tmp_path / "library")
    asset_id = library.add_video(write_video(tmp_path / "three.webm"))
    library.close()
    with Catalog(tmp_path / "library") as catalog:
        with catalog.engine.begin() as connection:
            windows = insert(Segmentation).values(asset_id=asset_id, method="windows", version="1")
            cut = connection.execute(windows).inserted_primary_key
            assert cut is not None
            values = {"segmentation_id": cut[0], "position": 0, "start_seconds": 0.0, "end_seconds": 12.0}
            connection.execute(insert(Segment).values(**values))
        assert item_of(Items(catalog), asset_id).stills == (0.0, 4.0, 8.0)


def test_a_long_video_has_a_few_over_all_of_it(empty_library: Path, tmp_path: Path) -> None:
    shutil.copytree(empty_library, tmp_path / "library")
    library = ColourLibrary(tmp_path / "library")
    asset_id = library.add_video(write_video(tmp_path / "long.webm"), seconds_a_segment=1, segments=100)
    library.close()
    with Catalog(tmp_path / "library") as catalog:
        stills = item_of(Items(catalog), asset_id).stills
    assert (len(stills), stills[0]) == (12, 0.0)
    assert stills[-1] > 90


def test_tags_of_people_come_first(own_catalog: Catalog, own_collection: Collection) -> None:
    rose = own_collection.assets["rose.png"]
    Tags(own_catalog).add(["flower"], [rose])
    (tag,) = item_of(Items(own_catalog), rose).tags
    assert (tag.label, tag.by_hand) == ("flower", True)


def test_parts_are_named(own_catalog: Catalog, own_collection: Collection, tmp_path: Path) -> None:
    library = ColourLibrary(own_collection.library)
    raw = library.find(write_picture(tmp_path / "media" / "rose.tif", "red"))
    library.close()
    with own_catalog.engine.connect() as connection:
        main = connection.exec_driver_sql("SELECT id FROM file WHERE display LIKE '%rose.png'").scalar_one()
    Parts(own_catalog).write([(raw, main, "raw")])
    assert item_of(Items(own_catalog), own_collection.assets["rose.png"]).parts == (("rose.tif", "raw"),)


def test_what_was_heard_is_told_with_its_time(catalog: Catalog, collection: Collection) -> None:
    said = TimedText(TextSource.SPEECH, 61.0, 63.5, "happy birthday", 0.9)
    item = item_of(Items(catalog, lambda asset_id: [said]), collection.assets["three.webm"])
    (text,) = item.texts
    assert (text.source, text.clock, text.text) == ("speech", "1:01", "happy birthday")


@pytest.mark.parametrize("asset_id", [0, 10**9])
def test_there_is_no_such_asset(catalog: Catalog, asset_id: int) -> None:
    assert Items(catalog).of(asset_id) is None


def test_what_is_missing_is_not_shown(own_catalog: Catalog, own_collection: Collection) -> None:
    with own_catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE file SET present = 0")
    assert Items(own_catalog).of(own_collection.assets["rose.png"]) is None
