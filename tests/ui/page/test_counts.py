"""The line at the bottom: what is indexed now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from retrieval.library import Library
from retrieval.store.catalog import Catalog
from tests.ui.page.colours import ColourLibrary, ColourSpace, write_picture, write_sound, write_video
from tests.ui.page.conftest import Collection
from ui.page import counts
from ui.page.counts import Counts

open_library = partial(Library, spaces=lambda name: ColourSpace())


@pytest.fixture
def own_library(empty_library: Path, tmp_path: Path) -> Iterator[ColourLibrary]:
    folder = tmp_path / "library"
    shutil.copytree(empty_library, folder)
    library = ColourLibrary(folder)
    yield library
    library.close()


def footer_of(folder: Path) -> str:
    with Catalog(folder) as catalog, open_library(folder) as library:
        return Counts(library, catalog).footer()


def test_files_that_wait_are_told(own_library: ColourLibrary, tmp_path: Path) -> None:
    own_library.find(write_picture(tmp_path / "a.png", "red"))
    assert "1 file waiting to be indexed" in footer_of(own_library.folder)


def test_it_is_counted_anew_but_not_all_the_time(
    own_library: ColourLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(counts.time, "monotonic", lambda: now[0])
    with Catalog(own_library.folder) as catalog, open_library(own_library.folder) as library:
        counted = Counts(library, catalog)
        assert "indexed" not in counted.footer()
        own_library.add_picture(write_picture(tmp_path / "a.png", "red"), "red")
        now[0] = 1.9
        assert "indexed" not in counted.footer()
        now[0] = 2.0
        assert "1 picture indexed" in counted.footer()


def test_the_footer_tells_what_is_there(collection: Collection) -> None:
    footer = footer_of(collection.library)
    assert "4 pictures and 2 videos indexed · space starter · understands English" in footer


def test_sounds_are_counted_too(own_library: ColourLibrary, tmp_path: Path) -> None:
    own_library.add_sound(write_sound(tmp_path / "a.wav", 1), [], 1)
    assert ">1 sound indexed" in footer_of(own_library.folder)
    own_library.add_picture(write_picture(tmp_path / "a.png", "red"), "red")
    own_library.add_video(write_video(tmp_path / "a.webm"))
    assert "1 picture, 1 video and 1 sound indexed" in footer_of(own_library.folder)


def test_the_footer_names_the_space_that_is_searched_not_the_first_by_name(
    own_library: ColourLibrary, tmp_path: Path
) -> None:
    own_library.add_picture(write_picture(tmp_path / "a.png", "red"), "red")
    with Catalog(own_library.folder) as catalog, catalog.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO space (name, version, dim, normalized) SELECT 'a_newer_one', '1', dim, normalized FROM space"
        )
        connection.exec_driver_sql(
            "INSERT INTO result (asset_id, space_id, finished_at) SELECT asset_id, max(space.id), finished_at "
            "FROM result, space"
        )
    assert "space starter" in footer_of(own_library.folder)
