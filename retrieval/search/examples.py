"""Results that a person marks as more or less what is meant: their vectors, from the library or from a picture file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from retrieval.errors import QueryError
from retrieval.paths import display_of
from retrieval.search.open_spaces import OpenSpace
from retrieval.search.query import Example
from retrieval.spaces.space import Space
from retrieval.store.lookup import AssetSegments, Lookup
from retrieval.types import Float32Array

__all__ = ["ExampleVectors"]


class ExampleVectors:
    """Turns examples into vectors of a space. Safe to share between threads."""

    def __init__(self, lookup: Lookup, embed_pictures: Callable[[Space, Sequence[Path]], Float32Array]) -> None:
        self._lookup = lookup
        self._embed_pictures = embed_pictures

    def of(self, opened: OpenSpace, examples: Sequence[Example], query: Float32Array | None) -> list[Float32Array]:
        """A vector ``[d]`` for each example: its own; of a video that of the moment that was meant, or that fits
        ``query`` ``[d]`` best, or the mean of all.

        Raises:
            QueryError: one is neither in the library nor a picture that can be used.
        """
        return [self._of(opened, example, query) for example in examples]

    def ids(self, examples: Sequence[Example]) -> set[int]:
        """The contents of those examples that are in the library."""
        found = (self._asset_id(example) for example in examples)
        return {asset_id for asset_id in found if asset_id is not None}

    def _of(self, opened: OpenSpace, example: Example, query: Float32Array | None) -> Float32Array:
        asset_id = self._asset_id(example)
        known = {} if asset_id is None else self._lookup.segments(opened.row, [asset_id])
        if asset_id in known:
            return _vector_of(known[asset_id], example.seconds, query)
        if isinstance(example.of, int):
            raise QueryError(f"nothing in the library has the id {example.of}; give that of a hit, or a path")
        if not example.of.exists():
            raise QueryError(
                f"there is no {display_of(os.fsencode(example.of))} in the library or on disk; "
                "give the path of a hit, or of a picture"
            )
        return np.asarray(self._embed_pictures(opened.space, [example.of])[0])

    def _asset_id(self, example: Example) -> int | None:
        if isinstance(example.of, int):
            return example.of
        return self._lookup.asset_at(os.fsencode(os.path.abspath(example.of)))


def _vector_of(segments: AssetSegments, seconds: float | None, query: Float32Array | None) -> Float32Array:
    vectors, times = segments.vectors, segments.times
    if times is not None and seconds is not None:
        beside = np.maximum(times[:, 0] - seconds, seconds - times[:, 1])  # how far off; below 0 inside
        return np.asarray(vectors[beside.argmin()])
    if query is not None:
        return np.asarray(vectors[(vectors @ query).argmax()])
    return np.asarray(vectors.mean(axis=0), np.float32)
