"""A calibration made from the library: when it is made, where it is kept, and that it decides what fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.types import Float32Array

MakeSearcher = Callable[..., Searcher]


@pytest.fixture
def embedded(space: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Makes the space one that nobody calibrated; how many texts it embedded, call by call."""
    calls: list[int] = []
    plain = type(space).embed_text

    def embed_text(self: Any, texts: Sequence[str]) -> Float32Array:
        calls.append(len(texts))
        if len(texts) == 1:
            return np.asarray(plain(self, texts), np.float32)
        return np.random.default_rng(0).normal(0, 0.2, size=(len(texts), 4)).astype(np.float32)

    monkeypatch.setattr(type(space), "embed_text", embed_text)
    monkeypatch.setattr(type(space), "judged_by_library", True, raising=False)
    return calls


@pytest.fixture
def filled(library: Any) -> Any:
    space = library.space()
    for number in range(5):
        library.embed(library.asset(f"/{number}.jpg"), space, [[0.9, number / 20, 0, 0]])
    return library


def kept(library: Any) -> list[str]:
    return sorted(path.name for path in library.catalog.library.rglob("*.calibration.safetensors"))


def test_it_decides_what_fits(filled: Any, make_searcher: MakeSearcher, embedded: list[int]) -> None:
    searcher = make_searcher()
    assert searcher.search(Query("1 0 0 0")).fits
    assert not searcher.search(Query("0 0 1 0")).fits


def test_sentences_are_embedded_once_and_kept_for_the_next_process(
    filled: Any, make_searcher: MakeSearcher, embedded: list[int]
) -> None:
    searcher = make_searcher()
    first = searcher.search(Query("1 0 0 0")).hits
    searcher.search(Query("1 0 0 0"))
    assert [count for count in embedded if count > 1] == [embedded[1]]
    assert len(kept(filled)) == 1
    assert make_searcher().search(Query("1 0 0 0")).hits == first
    assert sum(count > 1 for count in embedded) == 1


def test_a_library_that_doubled_is_sampled_anew(filled: Any, make_searcher: MakeSearcher, embedded: list[int]) -> None:
    searcher = make_searcher()
    before = searcher.search(Query("1 0 0 0", anyway=True)).hits[0].score
    for number in range(5, 20):
        filled.embed(filled.asset(f"/{number}.jpg"), filled.space(), [[0, 0, 0.9, 0]])
    assert searcher.search(Query("1 0 0 0", anyway=True)).hits[0].score != before
    assert sum(count > 1 for count in embedded) == 1


def test_a_library_that_can_not_be_written_is_searched(
    filled: Any, make_searcher: MakeSearcher, embedded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from retrieval.spaces.library_calibration import LibraryCalibration

    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(LibraryCalibration, "save", full)
    assert make_searcher().search(Query("1 0 0 0")).fits
    assert kept(filled) == []


def test_a_calibrated_space_judges_for_itself(filled: Any, make_searcher: MakeSearcher) -> None:
    assert make_searcher().search(Query("1 0 0 0")).hits[0].score == pytest.approx(0.9, abs=1e-3)
    assert kept(filled) == []
