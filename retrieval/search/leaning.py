"""A query as vectors. What is not to be seen is subtracted, and lowers the chance of what shows it.

Words with weights: to the vector of the whole text that of the words alone is added, ``weight - 1`` times, so that a
weight of 1 changes nothing.

Examples that a person marks move the vector towards those that are meant, and away from those that are not, by
Rocchio's formula (Rocchio 1971; the weights as in Manning, Raghavan and Schuetze 2008, section 9.1.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.errors import QueryError
from retrieval.search.query import Example, Query
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.space import Space
from retrieval.types import Float32Array

__all__ = ["Meaning", "meaning_of"]

AGAINST = 0.5
"""How much of what is not to be seen is taken off, for a weight of 1: where average precision is best, as
``benchmarks.negative`` measures it (45.7 % against 42.9 % without; 45.2 % at 0.3 and 45.3 % at 0.7)."""

LIKE, UNLIKE = 0.75, 0.15
"""How much of the mean of the examples counts beside a query of length 1: beta and gamma, for an alpha of 1."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Meaning:
    """A query in a space: vectors ``[d]``."""

    asked: Float32Array | None
    """What is to be seen; None where only what is not to be seen was said."""
    against: tuple[Float32Array, ...]
    """What is not to be seen, each of it."""
    unlike: tuple[Float32Array, ...]
    """Examples of what is not meant."""
    ranked_by: Float32Array
    """The first without so much of the others; of length 1 in a normalized space."""

    def __repr__(self) -> str:
        told = f"{len(self.against)} against, {len(self.unlike)} unlike"
        return f"Meaning(asked={self.asked is not None}, {told}, d={len(self.ranked_by)})"


def meaning_of(
    query: Query,
    space: Space,
    embed_pictures: Callable[[Space, Sequence[Path]], Float32Array],
    vectors_of: Callable[[Sequence[Example], Float32Array | None], Sequence[Float32Array]],
) -> Meaning:
    """What ``query`` means in ``space``. ``vectors_of`` gives those of examples, of a video as they fit a query.

    Raises:
        QueryError: a picture or an example can't be used, or not in this space.
    """
    if isinstance(space, MmtSpace) and (query.images or query.like or query.unlike):
        # Its vectors are not of length 1, and its chances are those of sentences: any example would fit everything.
        instead = "name another --space" if space.pictures is None else "leave out --by space"
        raise QueryError(f"{space.name} compares sentences with video; {instead} to find by a picture")
    asked = _asked(query, space, embed_pictures)
    like, unlike = vectors_of(query.like, asked), tuple(vectors_of(query.unlike, asked))
    if like:
        mean = np.mean(like, axis=0)
        asked = _like(space, mean if asked is None else _unit(asked) + np.float32(LIKE) * _unit(mean))
    if not (query.against or unlike):
        assert asked is not None
        return Meaning(asked, (), (), asked)
    ranked_by = np.zeros(space.dim, np.float32) if asked is None else asked
    against = space.embed_text([term.text for term in query.against]) if query.against else ()
    if query.against:
        weights = AGAINST * np.array([term.weight for term in query.against], np.float32)
        ranked_by = ranked_by - weights @ np.asarray(against)
    if unlike:
        ranked_by = ranked_by - np.float32(UNLIKE) * _unit(np.mean(unlike, axis=0))
    return Meaning(asked, tuple(against), unlike, _like(space, np.asarray(ranked_by, np.float32)))


def _asked(
    query: Query, space: Space, embed_pictures: Callable[[Space, Sequence[Path]], Float32Array]
) -> Float32Array | None:
    """A text and its pictures count alike, and the sum has length 1 again."""
    parts = []
    if query.text.strip():
        parts.append(_of_text(query, space))
    if query.images:
        parts.append(_unit(embed_pictures(space, query.images).mean(axis=0)))
    if len(parts) < 2:
        return parts[0] if parts else None
    return _unit(sum(map(_unit, parts), np.zeros(space.dim, np.float32)))


def _of_text(query: Query, space: Space) -> Float32Array:
    whole: Float32Array = space.embed_text([query.text.strip()])[0]
    if not query.stressed:
        return whole
    more = np.array([term.weight - 1 for term in query.stressed], np.float32)
    stressed = more @ space.embed_text([term.text for term in query.stressed])
    return _like(space, np.asarray(whole + stressed, np.float32))


def _like(space: Space, vector: Float32Array) -> Float32Array:
    """As long as the vectors of the space are, where they all are of one length."""
    return _unit(vector) if space.normalized else vector


def _unit(vector: Float32Array) -> Float32Array:
    length = float(np.linalg.norm(vector))
    return vector if length == 0 else np.asarray(vector / length, np.float32)
