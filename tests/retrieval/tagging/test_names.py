"""The tables that ship: what is in them is what people are shown."""

from __future__ import annotations

import pytest

from retrieval.tagging.class_names import all_names, class_names
from retrieval.tagging.hierarchy import path_of
from retrieval.tagging.imagenet import NameTable
from retrieval.tagging.label_file import read_label_file
from retrieval.tagging.photo_vocabulary import PHOTO_VOCABULARY


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (207, ("animal", "dog", "Golden Retriever")),
        (281, ("animal", "cat", "tabby cat")),
        (1, ("animal", "sea creature", "fish", "goldfish")),
        (817, ("vehicle", "car", "sports car")),
        (963, ("food", "pizza")),
        (970, ("mountain",)),
    ],
)
def test_classes_lie_below_what_people_call_them(number: int, path: tuple[str, ...]) -> None:
    assert class_names()[number].path == path


def test_what_people_would_be_called_by_is_never_shown() -> None:
    shown = {name for entry in class_names() if not entry.hidden for name in entry.path}
    embarrassing = (
        *("Windsor tie", "bow tie", "suit", "bra", "miniskirt", "diaper", "sunglasses", "neck brace", "hair wig"),
        *("lipstick", "jeans", "mask", "bikini", "revolver", "assault rifle", "syringe", "prison", "guillotine"),
        *("toilet seat", "military uniform", "Band-Aid", "abaya"),
    )
    assert {name for entry in class_names() for name in entry.path} >= set(embarrassing)
    assert shown.isdisjoint(embarrassing)


def test_every_class_has_its_names() -> None:
    assert len(class_names()) == len(all_names()) == 1000
    assert {"golden retriever", "Golden Retriever"} <= set(all_names()[207])


def test_a_table_covers_each_shown_class_once() -> None:
    table = NameTable(class_names())
    shown = [not entry.hidden for entry in class_names()]
    assert table.covers.sum(axis=1).tolist() == [float(one) for one in shown]
    assert len(set(table.names + table.details)) == len(table.names) + len(table.details)


def test_the_vocabulary_has_its_size_and_groups() -> None:
    read = read_label_file(PHOTO_VOCABULARY)
    assert 300 <= len(read.labels) <= 500
    assert {"people", "places", "objects", "activities", "kinds of picture"} <= set(read.groups)
    assert {"screenshot", "document", "selfie"} <= {label.name for label in read.labels}


@pytest.mark.parametrize(
    ("label", "path"),
    [
        ("Beagle", ("animal", "dog", "Beagle")),
        ("dog", ("animal", "dog")),
        ("beach", ("nature", "beach")),
        ("my own word", ("my own word",)),
    ],
)
def test_what_lies_above_a_label(label: str, path: tuple[str, ...]) -> None:
    assert path_of(label)[-len(path) :] == path
