"""What is kept of a catalog until something is committed to it, and rows of many ids."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from retrieval.errors import LibraryError
from retrieval.store.driver_rows import IDS, rows_of_ids
from retrieval.store.remembered import Remembered
from retrieval.store.schema import Asset


def test_a_fact_is_read_once_until_something_is_committed(library: Any) -> None:
    remembered, read = Remembered(library.catalog), []

    def ask(key: str) -> int:
        return remembered.of(key, lambda: read.append(key) or len(read))

    assert [ask("one"), ask("two"), ask("one"), ask("two")] == [1, 2, 1, 2]
    library.asset("/new.jpg")
    assert [ask("one"), ask("one"), ask("two")] == [3, 3, 4]


def test_what_can_not_be_read_is_asked_for_again(library: Any) -> None:
    remembered = Remembered(library.catalog)

    def fail() -> int:
        raise LibraryError("the disk is full")

    with pytest.raises(LibraryError, match="the disk is full"):
        remembered.of("one", fail)
    assert remembered.of("one", lambda: 1) == 1


def test_where_nobody_knows_whether_it_changed_all_is_read_again(library: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(library.catalog, "version", lambda: None)
    remembered = Remembered(library.catalog)
    assert [remembered.of("one", lambda number=number: number) for number in range(3)] == [0, 1, 2]


def test_of_many_facts_the_latest_are_kept(library: Any) -> None:
    remembered = Remembered(library.catalog)
    for number in range(1000):
        assert remembered.of(number, lambda number=number: number) == number
    assert len(remembered._kept) < 1000
    assert remembered.of(999, lambda: -1) == 999


def test_rows_of_ids_are_those_of_every_id_however_many(library: Any) -> None:
    known = [library.asset(f"/{number}.jpg") for number in range(5)]
    statement = select(Asset.id, Asset.kind).where(Asset.id.in_(IDS))
    with library.catalog.engine.connect() as connection:
        found = sorted(rows_of_ids(connection, statement, [*known, *range(1000, 6000)]))
        assert list(rows_of_ids(connection, statement, [])) == []
    assert found == [(asset_id, "picture") for asset_id in known]
