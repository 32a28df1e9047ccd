"""What the engine is measured on: each field lets through what it is said to, and what was not measured stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import run
from benchmarks.described_catalog import COMMON_TAG, described_library
from benchmarks.engine import _fields
from retrieval.library import Library
from retrieval.search.reading import read_query
from retrieval.store.catalog import Catalog
from retrieval.store.file_filter import EVERYTHING
from retrieval.store.lookup import Lookup

COUNT = 3000


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return described_library(tmp_path_factory.mktemp("big"), COUNT)


def test_every_field_lets_one_in_a_hundred_through(library: Path) -> None:
    with Catalog(library) as catalog:
        lookup = Lookup(catalog)
        for name, field in _fields(library).items():
            found = [len(lookup.asset_ids(read_query(field(number)).wanted)) for number in range(5)]
            assert 0.5 < sum(found) / 5 / (COUNT / 100) < 1.5, name
        (live,) = lookup.live_assets([1], EVERYTHING).values()
        assert all(Path(path.decode()).exists() for path in live.paths)


def test_its_contents_are_counted(library: Path) -> None:
    with Library(library) as opened:
        facets = {facet.name: facet.values for facet in opened.facets().facets}
    assert facets.keys() == {"kind", "year", "folder", "tag", "camera", "has"}
    assert sum(value.count for value in facets["kind"]) == COUNT
    assert facets["tag"][0].count > COUNT / 12
    assert {value.label for value in facets["tag"][:2]} == {COMMON_TAG, "kakaka"}


def test_what_can_not_be_measured_here_leaves_what_was_measured_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    run._write("page", {"opens_seconds": 1.5})
    run._write("page", {"not_measured": "there is no chromium here"})
    assert json.loads((tmp_path / "page.json").read_text())["figures"] == {"opens_seconds": 1.5}
    assert capsys.readouterr().err == "page is not measured: there is no chromium here\n"


def test_the_page_is_among_what_is_measured() -> None:
    assert {"engine", "page", "big_index"} <= run.BENCHMARKS.keys()
