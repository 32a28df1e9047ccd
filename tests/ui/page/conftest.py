"""A library of colours with one of each thing, and the page that serves it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from retrieval.store.catalog import Catalog
from retrieval.store.timed_texts import write_timed_texts
from retrieval.types import TextSource, TimedText
from tests.browser import Visit, launched
from tests.ui.page.colours import ColourLibrary, write_animation, write_picture, write_sound, write_video

ROOT = Path(__file__).parents[3]
START_SECONDS = 120  # of a machine that is busy with other tests; three of an idle one


@dataclass(frozen=True)
class Collection:
    """Where the media lie, the library over them, and the numbers of their assets."""

    media: Path
    library: Path
    assets: dict[str, int]


@pytest.fixture(scope="session")
def empty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once: that takes a second. To be copied."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    Catalog(folder, create=True).close()
    return folder


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory, empty_library: Path) -> Collection:
    """Not to be changed by a test; see ``own_collection``."""
    folder = tmp_path_factory.mktemp("collection")
    with pictures_in(folder, empty_library) as (library, assets):
        for name, codec in (("three.webm", "libvpx"), ("three.avi", "mpeg4")):
            assets[name] = library.add_video(write_video(folder / "media" / name, codec))
    return Collection(folder / "media", folder / "library", assets)


@pytest.fixture
def own_collection(tmp_path: Path, empty_library: Path) -> Collection:
    """Pictures alone, for a test that changes them."""
    with pictures_in(tmp_path, empty_library) as (_, assets):
        return Collection(tmp_path / "media", tmp_path / "library", assets)


@contextmanager
def pictures_in(folder: Path, empty_library: Path) -> Iterator[tuple[ColourLibrary, dict[str, int]]]:
    """A library of pictures below ``folder``, one of them in two places; and the numbers of their assets."""
    shutil.copytree(empty_library, folder / "library")
    media = folder / "media"
    library = ColourLibrary(folder / "library")
    assets = {}
    for name, colour in (("rose.png", "red"), ("<b>&'\".jpg", "red"), ("leaf.tif", "green"), ("sea.jpg", "blue")):
        assets[name] = library.add_picture(write_picture(media / name, colour), colour)
    shutil.copy2(media / "sea.jpg", media / "sea again.jpg")
    library.add_picture(media / "sea again.jpg", "blue")
    yield library, assets
    library.close()


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that prints the page's address, and that address; it is ended with the block."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(START_SECONDS, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        watchdog.cancel()
        address = next((word for word in words if word.startswith("http")), None)
        if address is None:
            process.kill()
            pytest.fail(f"the page did not start: {process.communicate()}")
        yield process, address
    finally:
        watchdog.cancel()
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="session")
def page(collection: Collection) -> Iterator[str]:
    """The address of the page over ``collection``."""
    with running(["-m", "tests.ui.page.serve_colours", str(collection.library), "0"]) as (_, address):
        yield address


@pytest.fixture
def moving_page(tmp_path: Path, empty_library: Path) -> Iterator[str]:
    """The address of a page over pictures, one of which moves."""
    with pictures_in(tmp_path, empty_library) as (library, _):
        library.add_video(write_animation(tmp_path / "media" / "three.gif"))
    with running(["-m", "tests.ui.page.serve_colours", str(tmp_path / "library"), "0"]) as (_, address):
        yield address


@pytest.fixture
def sound_page(tmp_path: Path, empty_library: Path) -> Iterator[str]:
    """The address of a page over pictures and a sound in which something is said."""
    with pictures_in(tmp_path, empty_library) as (library, _):
        said = [(0.0, 3.0, "many happy returns"), (6.0, 9.0, "an old trombone")]
        library.add_sound(write_sound(tmp_path / "media" / "birthday.wav", 12), said, duration_seconds=12)
        odd = tmp_path / "media" / "odd.wma"
        odd.write_bytes(b"no sound that a browser knows")
        library.add_sound(odd, [], duration_seconds=5)
    with running(["-m", "tests.ui.page.serve_colours", str(tmp_path / "library"), "0"]) as (_, address):
        yield address


@pytest.fixture
def talking_page(tmp_path: Path, empty_library: Path) -> Iterator[str]:
    """The address of a page with a video in which something is said."""
    with pictures_in(tmp_path, empty_library) as (library, _):
        video = library.add_video(write_video(tmp_path / "media" / "three.webm"))
    said = [
        TimedText(TextSource.SPEECH, 0.5, 3.0, "now it is red", 0.9),
        TimedText(TextSource.SPEECH, 9.0, 11.0, "the end", 0.9),
    ]
    with Catalog(tmp_path / "library") as catalog, catalog.engine.begin() as connection:
        write_timed_texts(connection, {video: {("speech", "1"): said}})
    with running(["-m", "tests.ui.page.serve_colours", str(tmp_path / "library"), "0"]) as (_, address):
        yield address


@pytest.fixture
def long_page(tmp_path: Path, empty_library: Path) -> Iterator[str]:
    """The address of a page with a video that no browser plays, longer than a preview clip."""
    with pictures_in(tmp_path, empty_library) as (library, _):
        video = write_video(tmp_path / "media" / "long.avi", "mpeg4", seconds_a_colour=12)
        library.add_video(video, seconds_a_segment=12)
    with running(["-m", "tests.ui.page.serve_colours", str(tmp_path / "library"), "0"]) as (_, address):
        yield address


@pytest.fixture
def own_page(own_collection: Collection) -> Iterator[str]:
    """The address of a page over ``own_collection``."""
    with running(["-m", "tests.ui.page.serve_colours", str(own_collection.library), "0"]) as (_, address):
        yield address


@contextmanager
def page_of_many(folder: Path, empty_library: Path, later_seconds: float) -> Iterator[str]:
    """The address of a page over 56 red and 30 blue pictures; pages after the first take ``later_seconds``."""
    shutil.copytree(empty_library, folder / "library")
    library = ColourLibrary(folder / "library")
    for colour, count in (("red", 56), ("blue", 30)):
        for number in range(count):  # of many lengths: see write_picture
            name = f"{colour}{number:0>{number + 1}}.png"
            library.add_picture(write_picture(folder / "media" / name, colour, (320, 240)), colour)
    library.close()
    command = ["-m", "tests.ui.page.serve_colours", str(folder / "library"), "0", str(later_seconds)]
    with running(command) as (_, address):
        yield address


@pytest.fixture(scope="session")
def many_page(tmp_path_factory: pytest.TempPathFactory, empty_library: Path) -> Iterator[str]:
    """The address of a page with many results."""
    with page_of_many(tmp_path_factory.mktemp("many"), empty_library, 0) as address:
        yield address


@pytest.fixture
def slow_page(tmp_path: Path, empty_library: Path) -> Iterator[str]:
    """The same, where what follows the first page is long in coming."""
    with page_of_many(tmp_path, empty_library, 3) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """One profile for all tabs, so that Gradio's own scripts are loaded once."""
    with launched() as browser:
        yield browser.new_context()


@pytest.fixture
def visit(browser: BrowserContext, page: str) -> Iterator[Visit]:
    visit = Visit(browser, page)
    yield visit
    visit.tab.close()
