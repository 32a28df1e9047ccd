"""Captions and labels as files: good ones read, each kind of bad row told by its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.errors import DatasetError
from retrieval.evaluation.captions import CaptionedItem, read_captions
from retrieval.evaluation.labels import LabelledItem, read_labels
from retrieval.types import Span


def write(folder: Path, content: str | bytes) -> Path:
    table = folder / "table.csv"
    table.write_bytes(content if isinstance(content, bytes) else content.encode())
    return table


def test_rows_of_one_path_are_captions_of_one_item(tmp_path: Path) -> None:
    table = write(tmp_path, 'path,caption\na.jpg,A dog .\nsub/b.jpg,"A cat, asleep"\n\na.jpg, A hound \n')
    assert read_captions(table) == [
        CaptionedItem(tmp_path / "a.jpg", None, ("A dog .", "A hound")),
        CaptionedItem(tmp_path / "sub/b.jpg", None, ("A cat, asleep",)),
    ]


def test_parts_of_a_video_are_items_of_their_own(tmp_path: Path) -> None:
    table = write(
        tmp_path,
        "\ufeffcaption,path,start_seconds,end_seconds,source\nruns,v.mp4,0,2.5,x\nsleeps,v.mp4,2.5,4,x\nboth,v.mp4,,,x\n",
    )
    items = read_captions(table)
    assert [(item.span, item.captions) for item in items] == [
        (Span(0, 2.5), ("runs",)),
        (Span(2.5, 4), ("sleeps",)),
        (None, ("both",)),
    ]
    assert items[0].label == f"{tmp_path / 'v.mp4'} [0.0, 2.5)"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    assert read_captions(write(tmp_path, "path,caption\n/media/a.jpg,x\n"))[0].path == Path("/media/a.jpg")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"line 1: the header is '', expected path,caption"),
        ("file,text\na.jpg,x\n", r"line 1: the header is 'file,text', expected path,caption and perhaps start_seconds"),
        ("path,caption,caption\na.jpg,x,y\n", r"line 1: the header is"),
        ("path,caption\n", r"holds no captions; expected a row a caption"),
        ("path,caption\na.jpg,x\n,y\n", r"line 3: path is empty"),
        ("path,caption\na.jpg,  \n", r"line 2: caption is empty"),
        ("path,caption\na.jpg\n", r"line 2: 1 cells, expected 2"),
        ("path,caption\na.jpg,A dog, running\n", r"line 2: 3 cells, expected 2 .* stands in double quotes"),
        ('path,caption\na.jpg,"open', r"is no CSV"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,1,\n", r"line 2: only one of start_seconds and end_seconds"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,2,1\n", r"line 2: start_seconds is 2 and end_seconds is 1"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,1,1\n", r"expected start before end"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,-1,1\n", r"line 2: start_seconds is '-1', expected seconds"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,nan,1\n", r"start_seconds is 'nan', expected seconds"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,0,inf\n", r"end_seconds is 'inf', expected seconds"),
        ("path,caption,start_seconds,end_seconds\na.mp4,x,0,1:30\n", r"end_seconds is '1:30', expected seconds"),
        (b"path,caption\na.jpg,caf\xe9\n", r"is not UTF-8 \(byte 22\); save it as CSV in UTF-8"),
    ],
)
def test_bad_captions_are_told_by_line_value_and_expectation(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_captions(write(tmp_path, content))


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.csv can't be read \(No such file"):
        read_captions(tmp_path / "none.csv")
    with pytest.raises(DatasetError, match=r"can't be read \(Is a directory"):
        read_labels(tmp_path)


def test_several_labels_of_one_path_are_all_right(tmp_path: Path) -> None:
    table = write(tmp_path, "path,label\na.jpg,dog\nb.jpg,cat\na.jpg,hound\na.jpg,dog\n")
    assert read_labels(table) == [
        LabelledItem(tmp_path / "a.jpg", ("dog", "hound")),
        LabelledItem(tmp_path / "b.jpg", ("cat",)),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,caption\na.jpg,x\n", r"line 1: the header is 'path,caption', expected path,label"),
        ("path,label\n", r"holds no labels"),
        ("path,label\na.jpg,\n", r"line 2: label is empty"),
    ],
)
def test_bad_labels_are_told_too(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        read_labels(write(tmp_path, content))
