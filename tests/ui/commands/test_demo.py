"""The demo's ends: stopped, done, and on to the page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import indexer
from indexer import IndexReport
from retrieval.search.results import SearchResult
from ui.commands import demo, page

RunDemo = Callable[..., int]


class Unfitting:
    """A library in which nothing fits."""

    def __init__(self, _path: Path) -> None: ...

    def __enter__(self) -> Unfitting:
        return self

    def __exit__(self, *_error: object) -> None: ...

    def search(self, question: str, **_: Any) -> SearchResult:
        return SearchResult(question, "starter", False, ())


@pytest.fixture
def run_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunDemo:
    """Runs it with a report in place of the indexing."""

    def run(report: IndexReport, *, ui: bool = False) -> int:
        monkeypatch.setattr(demo, "sample_media", lambda: ([tmp_path / "cat.jpg"], []))
        monkeypatch.setattr(indexer, "index", lambda *_, **__: report)
        monkeypatch.setattr("retrieval.library.Library", Unfitting)
        return demo.run(argparse.Namespace(library=str(tmp_path / "a library"), ui=ui))

    return run


def test_ctrl_c_while_indexing_ends_it(run_demo: RunDemo, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_demo(IndexReport(interrupted=True, indexed=1)) == 130
    written = capsys.readouterr()
    assert "vidi search" not in written.out
    assert "run the same command again to continue" in written.err


def test_it_ends_with_commands_that_exist(
    run_demo: RunDemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/vidi", "demo"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run_demo(IndexReport()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"  .venv/bin/vidi --library '{tmp_path}/a library' ui" in lines
    assert lines[-2:] == ["  .venv/bin/vidi index ~/Pictures", "  .venv/bin/vidi ui"]


def test_it_goes_on_to_the_page_of_the_samples(
    run_demo: RunDemo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[argparse.Namespace] = []

    def open_page(arguments: argparse.Namespace) -> int:
        opened.append(arguments)
        return 0

    monkeypatch.setattr(page, "run", open_page)
    assert run_demo(IndexReport(), ui=True) == 0
    (arguments,) = opened
    assert (arguments.library, arguments.host, arguments.port, arguments.no_open) == (
        str(tmp_path / "a library"),
        "127.0.0.1",
        None,
        False,
    )
