from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.errors import QueryError
from retrieval.search.query import LETTERS_MOST, By, Query


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_an_empty_query_says_what_to_do(text: str) -> None:
    with pytest.raises(QueryError, match="the query is empty; describe what to find"):
        Query(text)
    assert Query(text, images=(Path("a.jpg"),)).images


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top": 0}, "top is 0, expected at least 1"),
        ({"offset": -1}, "offset is -1, expected 0 or more"),
        ({"text": "a" * (LETTERS_MOST + 1)}, "has 100,001 letters"),
        ({"text": "caf\udce9"}, "bytes that are not UTF-8"),
    ],
)
def test_what_can_not_be_answered_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        Query(**{"text": "a dog", **values})


def test_ten_thousand_words_are_no_error() -> None:
    assert Query("word " * 10_000).top == 20


def test_unknown_evidence_names_the_known() -> None:
    assert By.parse("frames") is By.FRAMES
    with pytest.raises(QueryError, match="can't rank by 'smell'; expected fused, space, frames, speech, text"):
        By.parse("smell")
