"""Two-dimensional stand-ins for models, so that every score in a test can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.errors import QueryError, UnknownSpaceError
from retrieval.experts.expert import Rows
from retrieval.search import searcher
from retrieval.search.searcher import Searcher
from retrieval.types import Float32Array


class PlainSpace:
    """Its texts are numbers, "1 0 0 0", its chance is the score itself."""

    normalized = True
    fits_from = 0.5
    needs = ()
    alike_cosine = 9.0  # nothing is near-identical where vectors have any length

    def __init__(self, name: str = "starter", version: str = "1", languages: tuple[str, ...] = ("en",)) -> None:
        self.name, self.version, self.languages, self.dim = name, version, languages, 4
        self.items: list[int] = []

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        try:
            return np.array([[float(word) for word in text.split()] for text in texts], np.float32)
        except ValueError:
            return np.tile(np.array([1, 0, 0, 0], np.float32), (len(texts), 1))

    def is_cut(self, text: str) -> bool:
        return len(text.split()) > 10

    def embed_segments(self, rows: Rows) -> Float32Array:
        return rows["appearance"][:, :4]

    def chance(self, scores: Float32Array, query: Float32Array, items: int) -> Float32Array:
        self.items.append(items)
        return np.asarray(scores, np.float32)


def embed_named(space: Any, paths: Sequence[Path]) -> Float32Array:
    """A picture's vector is its name: ``0,1,0,0.jpg``."""
    if any(not path.stem[0].isdigit() for path in paths):
        raise QueryError(f"the picture {paths[0]} can't be used")
    return np.array([[float(number) for number in path.stem.split(",")] for path in paths], np.float32)


def nothing_is_near(texts: Sequence[str]) -> Float32Array:
    """Sentences whose vectors are at right angles to every other."""
    return np.eye(384, dtype=np.float32)[-np.ones(len(texts), int)]


@pytest.fixture(autouse=True)
def _files_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogs of these tests speak of files that nobody made."""
    monkeypatch.setattr(searcher, "_exists", lambda _path: True)


@pytest.fixture
def space() -> PlainSpace:
    return PlainSpace()


@pytest.fixture
def make_searcher(library: Any, space: PlainSpace) -> Callable[..., Searcher]:
    def make(
        *others: PlainSpace,
        notice: Callable[[str], None] = lambda line: None,
        embed_sentences: Callable[[Sequence[str]], Float32Array] = nothing_is_near,
    ) -> Searcher:
        known = {each.name: each for each in (space, *others)}

        def get(name: str) -> PlainSpace:
            if name not in known:
                raise UnknownSpaceError(f"there is no space {name!r}")
            return known[name]

        return Searcher(library.catalog, embed_named, spaces=get, embed_sentences=embed_sentences, notice=notice)

    return make
