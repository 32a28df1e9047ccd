from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrieval.errors import QueryError
from retrieval.search.filters import make_filter, parse_time
from retrieval.store.file_filter import Below, OfKind
from retrieval.types import MediaKind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", datetime(2024, 1, 1)),
        ("2024-06", datetime(2024, 6, 1)),
        ("2024-06-03", datetime(2024, 6, 3)),
        (" 2024-06-03 ", datetime(2024, 6, 3)),
        ("2024-06-03T18:30", datetime(2024, 6, 3, 18, 30)),
        ("2024-06-03 18:30:05.25", datetime(2024, 6, 3, 18, 30, 5, 250_000)),
    ],
)
def test_a_time_is_the_beginning_of_what_was_named(text: str, expected: datetime) -> None:
    assert parse_time(text, "after") == expected


def test_a_time_with_a_zone_becomes_local_without_one() -> None:
    expected = datetime(2024, 6, 3, 12, tzinfo=UTC).astimezone().replace(tzinfo=None)
    assert parse_time("2024-06-03T12:00:00Z", "after") == expected
    assert parse_time(datetime(2024, 6, 3, 12, tzinfo=UTC), "after") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-13",
        "2024-06-31",
        "24",
        "2024-6",
        "20240",
        "0000",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-14:00",  # where this machine's time has no year
    ],
)
def test_what_is_no_time_is_said_plainly(text: str) -> None:
    with pytest.raises(QueryError, match=r"before '.*' is no time; expected 2024, 2024-06"):
        parse_time(text, "before")


def test_a_range_that_holds_nothing_is_refused() -> None:
    with pytest.raises(QueryError, match="nothing lies after 2025 and before 2024"):
        make_filter(after="2025", before="2024")
    with pytest.raises(QueryError, match="nothing lies"):
        make_filter(after="2024", before="2024")


def test_an_unknown_kind_names_the_known() -> None:
    with pytest.raises(QueryError, match="no kind 'movie'; expected picture, video, sound"):
        make_filter(kind="movie")
    assert make_filter(kind="video") == OfKind(MediaKind.VIDEO)


def test_under_is_absolute_bytes_with_links_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert make_filter(under="link/../link/x") == Below(os.fsencode(tmp_path / "link" / "x"))
    assert make_filter(under="~/a") == Below(os.fsencode(tmp_path / "home" / "a"))
    assert make_filter(under=os.fsdecode(b"/a/\xff")) == Below(b"/a/\xff")
    assert make_filter(under=Path("~/a")) == Below(os.fsencode(tmp_path / "home" / "a"))
    # Nobody is called so: it is a folder by that name, as for a shell.
    assert make_filter(under="~nobody-at-all/a") == Below(os.fsencode(tmp_path / "~nobody-at-all" / "a"))
    with pytest.raises(QueryError, match="`under` is empty"):
        make_filter(under="")


def test_no_words_make_no_filter() -> None:
    assert not make_filter()
    assert make_filter(under="/")
