"""Names of tags and taggers are kept once, whatever spaces and signs surround them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from retrieval.store.catalog import Catalog
from retrieval.store.labels import KEYWORDS_TAGGER, LABEL_MOST, label_ids, label_name, tagger_id
from retrieval.store.schema import Label, Tagger


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with Catalog(tmp_path / "library", create=True) as catalog, catalog.engine.begin() as opened:
        yield opened


def test_a_label_is_made_once_and_found_again(connection: Connection) -> None:
    first = label_ids(connection, ["dog", "beach"])
    again = label_ids(connection, ["beach", "cat", "dog"])
    assert (first["dog"], first["beach"]) == (again["dog"], again["beach"])
    assert len(set(again.values())) == 3
    assert connection.scalar(select(func.count()).select_from(Label)) == 3


def test_names_that_look_alike_share_a_label(connection: Connection) -> None:
    ids = label_ids(connection, ["New York", " New \n York\0"])
    assert set(ids) == {"New York", " New \n York\0"}
    assert len(set(ids.values())) == 1
    assert list(connection.scalars(select(Label.name))) == ["New York"]


def test_more_labels_than_a_statement_holds(connection: Connection) -> None:
    names = [f"label {number}" for number in range(1100)]
    ids = label_ids(connection, names)
    assert len(set(ids.values())) == 1100
    assert label_ids(connection, reversed(names)) == ids
    assert label_ids(connection, []) == {}


def test_an_empty_label_is_a_mistake(connection: Connection) -> None:
    with pytest.raises(ValueError, match="with a letter in them"):
        label_ids(connection, ["dog", " \n"])


def test_a_tagger_has_one_id_a_version(connection: Connection) -> None:
    first = tagger_id(connection, *KEYWORDS_TAGGER)
    assert tagger_id(connection, *KEYWORDS_TAGGER) == first
    assert tagger_id(connection, "keywords", "2") != first
    assert connection.scalar(select(func.count()).select_from(Tagger)) == 2


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_line_that_can_be_kept(text: str) -> None:
    name = label_name(text)
    assert len(name) <= LABEL_MOST
    assert label_name(name) == name
    name.encode()  # no half of a surrogate pair is left, which no database takes
