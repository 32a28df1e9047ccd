"""`vidi why`: what it writes and says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.search import why as searching
from retrieval.store.catalog import Catalog
from retrieval.store.intake import FoundFile, Intake
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.store.tag_work import AssetTags, TagWork
from retrieval.tagging.photo import PhotoTagger
from retrieval.types import MediaFacts, MediaKind
from ui.command_line import main


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """White all over; what speaks for anything is its upper right corner."""
    heat = np.zeros((7, 7), np.float32)
    heat[0, 6] = 1
    found = searching.Explanation(heat, "starter", 0.25, None)
    monkeypatch.setattr(searching, "explain", lambda *_, **__: found)
    monkeypatch.setenv("VIDI_LIBRARY", str(tmp_path / "library"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (140, 70), "white").save(path)
    return path


def test_it_writes_a_picture_that_is_bright_where_the_heat_is(
    picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", str(picture), "a cat"]) == 0
    with Image.open("photo.jpg.why.png") as drawn:
        written = np.asarray(drawn).astype(int).sum(axis=2)
    assert written.shape == (70, 140)
    assert written[2, 137] > written[60, 5] + 100
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("photo.jpg.why.png: what speaks for 'a cat', as starter sees it")
    assert lines[1] == "Most of all: 93% from the left, 7% from the top."


def test_json_and_another_name(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(picture), "a cat", "--out", "heat.webp", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(picture),
        "asked": "a cat",
        "source": "starter",
        "score": 0.25,
        "time_seconds": None,
        "peak": {"x": 0.929, "y": 0.071},
        "out": "heat.webp",
    }
    with Image.open("heat.webp") as written:
        assert written.format == "WEBP"


def test_the_original_is_never_written(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = picture.read_bytes()
    assert main(["why", str(picture), "a cat", "--out", str(picture)]) == 2
    assert "is the picture itself" in capsys.readouterr().err
    assert picture.read_bytes() == before


def test_a_name_that_is_no_picture_is_refused(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(picture), "a cat", "--out", "heat.txt"]) == 2
    assert "expected .png" in capsys.readouterr().err


def test_another_picture_is_never_written_over(picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = picture.with_name("other.jpg")
    Image.new("RGB", (10, 10), "red").save(other)
    before = other.read_bytes()
    assert main(["why", str(picture), "a cat", "--out", str(other)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert other.read_bytes() == before


def test_nothing_is_bright_where_nothing_speaks_for_it(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dark = searching.Explanation(np.zeros((7, 7), np.float32), "starter", 0.0, None)
    monkeypatch.setattr(searching, "explain", lambda *_, **__: dark)
    assert main(["why", str(picture), "a cat"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "photo.jpg.why.png: nothing speaks for 'a cat', as starter sees it.\n"
    assert shown.err == ""


def test_pictures_of_one_name_and_two_formats_have_a_heat_picture_each(picture: Path) -> None:
    other = picture.with_suffix(".png")
    Image.new("RGB", (140, 70), "red").save(other)
    for path in (picture, other):
        assert main(["why", str(path), "a cat"]) == 0
    assert sorted(path.name for path in picture.parent.glob("*.why.png")) == ["photo.jpg.why.png", "photo.png.why.png"]


@pytest.fixture
def tagged(picture: Path) -> Path:
    """``picture`` in a library, where photo calls it a dog."""
    with Catalog(picture.parent / "library", create=True) as catalog:
        intake = Intake(catalog, ("frames", "test"))
        (file_id,) = intake.take_in([FoundFile(bytes(picture), "picture", 1, 1, 1)], [], [])
        space = catalog.space("plain", "1", 2, normalized=True)
        facts, vectors = MediaFacts(MediaKind.PICTURE), np.zeros((1, 2), np.float32)
        intake.write(space, [MediaRecord(file_id, bytes(32), facts, [SegmentRecord()], vectors, {})], [])
        work = TagWork(catalog, "photo", "1", PhotoTagger.source)
        work.write([AssetTags(1, {"dog": 0.9})])
    return picture


def test_a_tag_is_explained_by_what_gave_it_to_the_picture(tagged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", tagged.name, "Dog"]) == 0
    assert "speaks for 'Dog', as photo sees it" in capsys.readouterr().out


def test_a_space_that_is_named_reads_any_word_as_a_query(tagged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(tagged), "dog", "--space", "starter"]) == 0
    assert "speaks for 'dog', as starter sees it" in capsys.readouterr().out
