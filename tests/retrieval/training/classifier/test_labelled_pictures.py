"""Folders and tables of a person's own labels: what is read, and what is refused in one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import DatasetError
from retrieval.training.classifier.labelled_pictures import describe_pictures, folds_of, held_out, read_labelled


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
    return folder


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    names = [
        "b/2.jpg",
        "b/1.png",
        "a/deep/x.JPG",
        "a/y.webp",
        "a/notes.txt",
        "a/.hidden.jpg",
        ".trash/z.jpg",
        "top.jpg",
    ]
    found = read_labelled(touch(tmp_path, *names))
    assert found.classes == ("a", "b")
    shown = [(path.name, found.classes[label]) for path, label in zip(found.paths, found.labels, strict=True)]
    assert shown == [("x.JPG", "a"), ("y.webp", "a"), ("1.png", "b"), ("2.jpg", "b")]
    assert repr(found) == "LabelledPictures(4 pictures of 2 classes)"


def test_a_table(tmp_path: Path) -> None:
    rows = "path,label\n1.jpg,cat\n2.jpg,cat\n3.jpg,dog\n4.jpg,dog\n4.jpg,dog\n"
    found = read_labelled(table(tmp_path, rows))
    assert [path.name for path in found.paths] == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.classes == ("cat", "dog")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"path,label\n\xff\xfe.jpg,cat\n", r"labels\.csv is not UTF-8 \(byte 11\); save it as CSV in UTF-8$"),
        (b"\xff\xfep\x00a\x00t\x00h\x00", r"labels\.csv is not UTF-8 \(byte 0\); save it"),
        (b"", r"labels\.csv, line 1: the header is '', expected path,label$"),
        (b"path,label\n", r"labels\.csv holds no picture, expected pictures of two classes or more"),
        (b"path,label\n1.jpg,cat\n2.jpg,cat\n", r"labels\.csv holds the one class 'cat', expected"),
        (b"path,label\n1.jpg,\n", r"line 2: label is empty, expected text$"),
        (b"path,label\n1.jpg,cat\n1.jpg,dog\n", r"1\.jpg has two labels, 'cat' and 'dog'; a picture trains one class"),
        (
            b"path,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,dog\n",
            r"labels\.csv: too few pictures of 'cat' \(1\); a class needs at least 2, one to learn from",
        ),
    ],
    ids=["Latin-1", "UTF-16", "empty", "no rows", "one class", "no label", "two labels", "one picture"],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    with pytest.raises(DatasetError, match=told) as caught:
        read_labelled(table(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_many_small_classes_are_told_in_short(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}/a.jpg" for number in range(7)))
    with pytest.raises(DatasetError, match=r"'0' \(1\), '1' \(1\), '2' \(1\) and 4 more; a class needs"):
        read_labelled(tmp_path)


@pytest.mark.parametrize("other", ["notes.txt", ".hidden.jpg", "deep/clip.mp4"])
def test_a_folder_without_a_picture_is_no_class_that_vanishes(tmp_path: Path, other: str) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg", f"c/{other}")
    with pytest.raises(DatasetError, match=r"no picture that can be read lies in 'c'; add some, or take") as caught:
        read_labelled(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none can't be read \(No such file or directory\); expected a CSV"):
        read_labelled(tmp_path / "none")


def test_changed_pictures_are_other_data(tmp_path: Path) -> None:
    pictures = read_labelled(touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg"))
    before = describe_pictures(pictures)
    assert describe_pictures(pictures) == before
    (tmp_path / "a" / "1.jpg").write_bytes(b"another")
    assert describe_pictures(pictures) != before


LABELS = np.repeat([0, 1, 2], [2, 7, 30])


def test_folds_share_every_class_evenly_and_are_the_same_every_time() -> None:
    folds = folds_of(LABELS, 5, seed=3)
    assert np.array_equal(folds, folds_of(LABELS, 5, seed=3))
    assert not np.array_equal(folds, folds_of(LABELS, 5, seed=4))
    for label in range(3):
        counts = np.bincount(folds[label == LABELS], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_of_each_class_one_is_held_out_and_one_is_not() -> None:
    chosen = held_out(LABELS, 0.2, seed=0)
    assert [int(chosen[label == LABELS].sum()) for label in range(3)] == [1, 1, 6]
    assert np.array_equal(chosen, held_out(LABELS, 0.2, seed=0))


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (b"dog", b"dog ", "the classes 'dog' and 'dog ' would be one tag; rename one of them"),
        (b"dog", b"Dog", "the classes 'Dog' and 'dog' would be one tag; rename one of them"),
        (b"dog", b"caf\xe9", r"the name of the class 'caf\\xe9' can't be a tag"),
        (b"dog", b" ", "the name of the class ' ' can't be a tag"),
    ],
)
def test_classes_that_cannot_be_tags_are_refused(tmp_path: Path, first: bytes, second: bytes, told: str) -> None:
    for name in (first, second):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        for number in range(2):
            (folder / f"{number}.jpg").touch()
    with pytest.raises(DatasetError, match=told):
        read_labelled(tmp_path)


def test_names_of_files_may_be_any_bytes(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in (b"\xe9.jpg", b"1.jpg"):
            (tmp_path / name / os.fsdecode(number)).touch()
    assert len(describe_pictures(read_labelled(tmp_path))) > 0
