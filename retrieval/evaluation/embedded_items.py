"""The items of a data set as a space sees them; none is dropped in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.errors import DatasetError
from retrieval.search.media_vectors import MediaVectors, UnreadableMedia, embed_media
from retrieval.settings import Settings
from retrieval.spaces.space import Space
from retrieval.types import Float32Array, Span

__all__ = ["EmbeddedItems", "UnreadableItem", "embed_items", "vectors_of_item"]


@dataclass(frozen=True, slots=True)
class UnreadableItem:
    """An item that can't be used, and why. It counts as ranked last, or as wrong."""

    path: Path
    span: Span | None
    reason: str

    def to_json(self) -> dict[str, str | float | None]:
        """As `vidi eval --json` prints it."""
        return {
            "path": str(self.path),
            "start_seconds": self.span.start_seconds if self.span else None,
            "end_seconds": self.span.end_seconds if self.span else None,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedItems:
    """For each item its frames' vectors ``[frames, d]``, or None where it can't be used."""

    vectors: list[Float32Array | None]
    unreadable: tuple[UnreadableItem, ...]

    def scores(self, texts: Float32Array) -> Float32Array:
        """``[t, items]``: the score of each item for ``texts`` ``[t, d]``.

        An item scores as its best frame does, as search ranks; one that can't be used scores minus infinity.
        """
        scores = np.full((len(texts), len(self.vectors)), -np.inf, np.float32)
        usable = [column for column, vectors in enumerate(self.vectors) if vectors is not None]
        frames = [vectors for vectors in self.vectors if vectors is not None]
        if frames:
            starts = np.cumsum([0, *(len(vectors) for vectors in frames[:-1])])
            scores[:, usable] = np.maximum.reduceat(texts @ np.concatenate(frames).T, starts, axis=1)
        return scores


def embed_items(
    items: Sequence[tuple[Path, Span | None]], space: Space, settings: Settings, table: Path
) -> EmbeddedItems:
    """Decode and embed each file once, and share its frames among the items that it holds.

    Raises:
        DatasetError: not one item of ``table`` can be used.
    """
    paths = list(dict.fromkeys(path for path, _ in items))
    outcomes = {paths[outcome.key]: outcome for outcome in embed_media(paths, space, settings)}
    vectors: list[Float32Array | None] = []
    unreadable = []
    for path, span in items:
        outcome = outcomes[path]
        found = vectors_of_item(outcome, path, span)
        vectors.append(None if isinstance(found, str) else found)
        if isinstance(found, str):
            unreadable.append(UnreadableItem(path, span, found))
    if len(unreadable) == len(items):
        raise DatasetError(
            f"none of the {len(items):,} items of {table} can be used, the first because: {unreadable[0].reason}; "
            f"paths are relative to the table's folder"
        )
    return EmbeddedItems(vectors, tuple(unreadable))


def vectors_of_item(outcome: MediaVectors | UnreadableMedia, path: Path, span: Span | None) -> Float32Array | str:
    """The vectors ``[frames, d]`` of one item of the file, or why there are none."""
    if isinstance(outcome, MediaVectors):
        return _within(outcome, span)
    return outcome.reason if path.exists() else "there is no such file"


def _within(media: MediaVectors, span: Span | None) -> Float32Array | str:
    """The vectors of the frames whose time overlaps ``span`` (all without one), or why there are none."""
    if span is None:
        return media.vectors
    if media.times is None:
        return "a picture has no start_seconds and end_seconds"
    inside = (media.times[:, 0] < span.end_seconds) & (media.times[:, 1] > span.start_seconds)
    return media.vectors[inside] if inside.any() else "no frame lies in that time"
