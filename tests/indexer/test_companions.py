"""What belongs together by its names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from indexer.companions import FoundPair, FoundSidecar, companions, companions_of, sidecars_at
from indexer.scan import scan
from indexer.tally import Tally


def sidecars(*names: str) -> dict[str, set[str]]:
    found = companions(b"/m", [name.encode() for name in names])
    return {
        os.path.basename(each.path).decode(): {os.path.basename(owner).decode() for owner in each.owners}
        for each in found
        if isinstance(each, FoundSidecar)
    }


def pairs(*names: str) -> set[tuple[str, str, str]]:
    return {
        (os.path.basename(each.path).decode(), os.path.basename(each.main).decode(), each.role)
        for each in companions(b"/m", [name.encode() for name in names])
        if isinstance(each, FoundPair)
    }


def test_a_sidecar_is_about_the_file_that_it_names_or_all_of_its_stem() -> None:
    assert sidecars("a.jpg", "a.cr2", "a.jpg.xmp") == {"a.jpg.xmp": {"a.jpg"}}
    assert sidecars("a.jpg", "a.cr2", "b.jpg", "a.xmp") == {"a.xmp": {"a.jpg", "a.cr2"}}
    assert sidecars("IMG_1.JPG", "img_1.XMP", "Img_1.jpg.Xmp") == {
        "img_1.XMP": {"IMG_1.JPG"},
        "Img_1.jpg.Xmp": {"IMG_1.JPG"},
    }
    assert sidecars("a.txt", "a.xmp", "b.jpg.xmp", ".xmp", "c.jpg") == {}


@pytest.mark.parametrize("raw", ["CR2", "nef", "ARW", "raf", "dng", "Cr3"])
def test_a_raw_is_part_of_the_picture_of_its_stem(raw: str) -> None:
    assert pairs("IMG_1.jpg", f"img_1.{raw}", "IMG_2.jpg") == {(f"img_1.{raw}", "IMG_1.jpg", "raw")}
    assert pairs(f"IMG_1.{raw}", "IMG_10.jpg", "IMG_1.png", "IMG_1.mp4") == set()


def test_the_likelier_main_file_is_taken() -> None:
    both = ("a.heic", "a.jpg", "a.cr2", "a.mov")
    assert pairs(*both) == {("a.cr2", "a.jpg", "raw"), ("a.mov", "a.heic", "motion")}
    assert pairs("A.jpg", "a.jpg", "a.cr2", "A.cr2") == {("a.cr2", "a.jpg", "raw"), ("A.cr2", "A.jpg", "raw")}
    assert pairs("a.mov", "a.cr2") == set()


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def test_the_scan_gives_companions_and_counts_only_strays_as_others(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "a.xmp", "a.dng", "stray.xmp", ".hidden.xmp", "notes.txt")
    tally = Tally()
    found = list(scan([os.fsencode(tmp_path)], tally=tally))
    folder = os.fsencode(tmp_path)
    assert [each for each in found if isinstance(each, FoundSidecar)] == [
        FoundSidecar(folder + b"/a.xmp", (folder + b"/a.dng", folder + b"/a.jpg"))
    ]
    assert [each for each in found if isinstance(each, FoundPair)] == [
        FoundPair(folder + b"/a.dng", folder + b"/a.jpg", "raw")
    ]
    assert dict(tally.others) == {".xmp": 1, ".txt": 1}


def test_what_is_named_itself_has_companions_too(tmp_path: Path) -> None:
    touch(tmp_path, "a.JPG", "a.JPG.xmp", "a.xmp", "a.dng", "b.xmp")
    folder = os.fsencode(tmp_path)
    found = list(companions_of(folder + b"/a.JPG"))
    assert {each.path for each in found} == {folder + name for name in (b"/a.JPG.xmp", b"/a.xmp", b"/a.dng")}
    assert list(companions_of(folder + b"/b.jpg")) == [FoundSidecar(folder + b"/b.xmp", (folder + b"/b.jpg",))]


def test_owners_are_found_even_of_sidecars_that_are_gone(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "b.jpg", "b.dng")
    folder = os.fsencode(tmp_path)
    gone = [folder + b"/a.jpg.xmp", folder + b"/B.XMP", folder + b"/c.xmp", b"/nowhere/a.xmp"]
    found = {each.path: {os.path.basename(owner) for owner in each.owners} for each in sidecars_at(gone)}
    assert found == {gone[0]: {b"a.jpg"}, gone[1]: {b"b.jpg", b"b.dng"}}
