"""Texts of many kinds of things, embedded: a vector index is tuned by how it answers them."""

from __future__ import annotations

from retrieval.experts.appearance import imagenet_classes
from retrieval.spaces.space import Space
from retrieval.types import Float32Array

__all__ = ["tuning_queries"]

_TEXTS = 128


def tuning_queries(space: Space) -> Float32Array:
    """``[n, dim]``: sentences about classes of ImageNet, which cover animals, things, food and places."""
    classes = imagenet_classes()
    chosen = classes[:: max(1, len(classes) // _TEXTS)][:_TEXTS]
    return space.embed_text([f"a photo of a {entry.names[0]}" for entry in chosen])
