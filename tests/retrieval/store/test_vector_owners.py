"""From contents to their vectors in memory: the same as the catalog says, at first and after more came."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from retrieval.store.bitmaps import Bitmaps
from retrieval.store.file_filter import EVERYTHING, file_filter
from retrieval.store.lookup import Lookup
from retrieval.store.vector_owners import VectorOwners
from retrieval.types import MediaKind


@pytest.fixture(autouse=True)
def _small_is_big(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.store.vector_owners.FROM_VECTORS", 1)
    monkeypatch.setattr("retrieval.store.vector_owners._VECTORS_AT_ONCE", 2)


def fill(library: Any, space: Any, count: int) -> list[int]:
    assets = [library.asset(f"/{space.name}/{number}.mp4", kind="video") for number in range(count)]
    for number, asset in enumerate(assets):
        library.embed(
            asset, space, np.ones((1 + number % 3, 4)), [(second, second + 1) for second in range(1 + number % 3)]
        )
    return assets


def known(owners: VectorOwners, space: Any) -> VectorOwners:
    """Once it has read, which goes on in the background."""
    assert not owners.knows(space)  # asked once, it doesn't begin
    for _ in range(200):
        if owners.knows(space):
            return owners
        time.sleep(0.01)
    raise AssertionError("it did not read")


def test_it_says_what_the_catalog_says_also_of_what_came_since(library: Any) -> None:
    space, other = library.space(), library.space(name="other")
    assets = fill(library, space, 7)
    fill(library, other, 3)
    lookup, owners = Lookup(library.catalog), known(VectorOwners(library.catalog), space)

    def said(wanted: Any) -> list[int]:
        return sorted(owners.vectors_of(space, lookup.asset_ids(wanted)).tolist())

    for wanted in (EVERYTHING, file_filter(under=b"/starter/3.mp4"), file_filter(kind=MediaKind.PICTURE)):
        assert said(wanted) == sorted(lookup.vector_ids(space, wanted).tolist())
    new = library.asset("/starter/new.jpg")
    ids = library.embed(new, space, np.ones((1, 4)))
    assert said(file_filter(kind=MediaKind.PICTURE)) == ids
    assert owners.vectors_of(space, np.array(assets[:1])).tolist() == [1]


def test_a_small_space_is_left_to_the_catalog(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.store.vector_owners.FROM_VECTORS", 1000)
    space, owners = library.space(), VectorOwners(library.catalog)
    fill(library, space, 3)
    assert [owners.knows(space) for _ in range(3)] == [False] * 3
    assert owners._known == {}


def test_a_catalog_that_can_not_be_read_leaves_it_unknown(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    space, owners = library.space(), VectorOwners(library.catalog)
    fill(library, space, 3)

    def fail(*_: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as broken:
        broken.setattr(owners, "_read", fail)
        assert not any(owners.knows(space) for _ in range(20))
    for _ in range(200):
        if owners.knows(space):
            return
        time.sleep(0.01)
    raise AssertionError("it did not read again")


def test_bitmaps_are_the_same_either_way(library: Any) -> None:
    space = library.space()
    fill(library, space, 5)
    lookup = Lookup(library.catalog)
    bitmaps, wanted = Bitmaps(library.catalog, lookup), file_filter(under=b"/starter/4.mp4")
    first = bitmaps.of(space, wanted).ids().tolist()
    bitmaps._owners = known(VectorOwners(library.catalog), space)
    bitmaps._kept.clear()
    assert bitmaps.of(space, wanted).ids().tolist() == first
