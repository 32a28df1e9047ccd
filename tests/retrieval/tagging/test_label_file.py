from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.errors import DatasetError
from retrieval.tagging.label_file import LabelWords, parse_labels, read_label_file


def test_labels_synonyms_groups_and_templates() -> None:
    read = parse_labels(
        "# pets\n#group: pets\ndog |  hound\n\ncat\n# group: food\n# template: a dish of {}\nsoup\n", "x"
    )
    assert read.labels == (
        LabelWords("dog", ("dog", "hound"), "pets"),
        LabelWords("cat", ("cat",), "pets"),
        LabelWords("soup", ("soup",), "food"),
    )
    assert read.templates == ("a dish of {}",)
    assert read.groups == ("pets", "food")


def test_a_change_changes_the_digest() -> None:
    assert parse_labels("dog", "x").digest == parse_labels("dog\n", "y").digest
    assert parse_labels("dog", "x").digest != parse_labels("dog | hound", "x").digest


def test_a_byte_order_mark_is_no_part_of_a_label(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffdog\r\n".encode())
    assert [label.name for label in read_label_file(path).labels] == ["dog"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "holds no labels; expected a label a line"),
        (b"# only a comment\n", "holds no labels"),
        ("dog\ncafé".encode("latin-1"), "is not UTF-8 .byte 7.; save it as text in UTF-8"),
        ("dog".encode("utf-16"), "is not UTF-8"),
        (b"dog\ncat\nDog\n", "line 3: the label 'Dog' stands in line 1 too; keep one of them"),
        (b"dog | \n", "line 1: a label or another word for it is empty"),
        (b"| dog\n", "line 1: a label or another word for it is empty"),
        (b"x" * 300, "line 1: a label is longer than 256 letters or can't be printed"),
        (b"a\x07b\n", "can't be printed"),
        (b"# template: a photo\ndog\n", r"line 1: the template is 'a photo', expected \{\} in it once"),
        (b"# template: {} and {0}\ndog\n", r"expected \{\} in it once"),
        ("\n".join(str(number) for number in range(10_001)).encode(), "holds 10,001 labels, expected at most 10,000"),
    ],
    ids=[
        "empty",
        "comment",
        "latin-1",
        "utf-16",
        "twice",
        "bar",
        "first",
        "long",
        "bell",
        "template",
        "braces",
        "many",
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_a_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=told) as raised:
        read_label_file(path)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none.txt can't be read .No such file"):
        read_label_file(tmp_path / "none.txt")
