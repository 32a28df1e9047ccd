"""Pictures as queries: decoded by the same isolated workers, and embedded by the same expert, as indexed ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from retrieval.errors import QueryError
from retrieval.media.kinds import kind_of
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.types import Float32Array, MediaKind

__all__ = ["embed_pictures"]


def embed_pictures(space: Space, paths: Sequence[Path]) -> Float32Array:
    """Vectors ``[n, d]`` of the pictures at ``paths``, in that order.

    Raises:
        QueryError: one of them is no picture, or can't be read.
        WeightsError: the models' weights are absent or damaged.
    """
    # Decoding and the picture tower cost a second to start, and most queries have no picture.
    from retrieval.search.media_vectors import UnreadableMedia, embed_media

    for path in paths:
        if kind_of(path) in (MediaKind.VIDEO, MediaKind.SOUND):
            raise QueryError(f"{path} is a {kind_of(path)}, expected a picture to search with")
        if not path.exists():
            raise QueryError(f"there is no picture at {path}; give the path of one to search with")
    vectors = np.empty((len(paths), space.dim), np.float32)
    for outcome in embed_media(paths, space, Settings(), processes=1):
        if isinstance(outcome, UnreadableMedia):
            raise QueryError(f"the picture {paths[outcome.key]} can't be searched with: {outcome.reason}")
        vectors[outcome.key] = outcome.vectors[0]
    return vectors
