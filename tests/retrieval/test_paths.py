"""Paths as bytes: which of them lie below others."""

from __future__ import annotations

import pytest

from retrieval.paths import outermost


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ([], []),
        ([b"/b", b"/a"], [b"/a", b"/b"]),
        ([b"/a/b/c.jpg", b"/a", b"/a", b"/a/b"], [b"/a"]),
        ([b"/a b", b"/a", b"/a-b/c"], [b"/a", b"/a b", b"/a-b/c"]),
        ([b"/a-b", b"/a/c", b"/a"], [b"/a", b"/a-b"]),
        ([b"/a", b"/"], [b"/"]),
    ],
)
def test_what_lies_below_another_is_left_out(paths: list[bytes], kept: list[bytes]) -> None:
    assert outermost(paths) == kept
