"""The searches that people keep, as the page's script is told of them."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.testclient import TestClient

from retrieval.library import Library
from retrieval.store.catalog import Catalog
from tests.ui.page.conftest import Collection
from ui.page.saved import SavedOnPage


def test_each_is_a_name_a_line_and_an_address(own_collection: Collection) -> None:
    with Library(own_collection.library) as library:
        library.save_search("b", "red", like=[1, (2, 3.5)], unlike=[3])
        library.save_search("A", "", kind="video", tags=["red car"])
        library.save_search("for the terminal", "red", image=Path("rose.png"))
    with Catalog(own_collection.library) as catalog:
        told = TestClient(Starlette(routes=SavedOnPage(catalog).routes())).get("/page/saved").json()
    assert told == [
        {"name": "A", "line": 'kind:video tag:"red car"', "address": "?q=kind%3Avideo+tag%3A%22red+car%22"},
        {"name": "b", "line": "red · more like 2 · less like 1", "address": "?q=red&like=1&like=2%403.5&unlike=3"},
    ]
