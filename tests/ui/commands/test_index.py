"""What `vidi index` prints of a run."""

from __future__ import annotations

from indexer.report import IndexReport
from ui.commands.index import _lines

HEARD_BY_WORDS = "Sounds are found by what is said in them, where the speech expert could hear it."


def test_windows_are_told_and_sounds_with_windows_are_found_by_more_than_words() -> None:
    report = IndexReport(unchanged=2, sounds=1, windowed=2)
    assert report.has_news
    lines = _lines(report.to_json())
    assert "Windows made from what was kept: 2 files." in lines
    assert HEARD_BY_WORDS not in lines


def test_sounds_without_windows_are_found_by_words() -> None:
    lines = _lines(IndexReport(new=1, sounds=1).to_json())
    assert HEARD_BY_WORDS in lines
    assert not any(line.startswith("Windows") for line in lines)


def test_where_nothing_was_done_nothing_is_told_of_windows_and_sounds() -> None:
    assert _lines(IndexReport(unchanged=3).to_json()) == ["Found: 3 unchanged."]
