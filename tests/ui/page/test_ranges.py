"""Ranges of a file, as RFC 9110 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.page.ranges import ByteRange, UnsatisfiableRangeError, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-4", ByteRange(2, 5)),
        ("bytes=7-", ByteRange(7, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-30", ByteRange(0, 10)),
        ("bytes=5-99", ByteRange(5, 10)),
        (None, None),
        ("bytes=-", None),
        ("bytes=4-2", None),
        ("bytes=0-1,4-5", None),
        ("lines=0-1", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_one_range_is_read_and_all_else_passed_over(header: str | None, expected: ByteRange | None) -> None:
    assert parse_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError, match=header):
        parse_range(header, 10)


@given(st.text(max_size=20) | st.from_regex(r"bytes=\d*-\d*", fullmatch=True), st.integers(1, 1000))
def test_no_header_reaches_past_the_file(header: str, size_bytes: int) -> None:
    try:
        part = parse_range(header, size_bytes)
    except UnsatisfiableRangeError:
        return
    assert part is None or 0 <= part.start < part.stop <= size_bytes
