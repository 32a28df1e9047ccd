"""`vidi eval retrieval`: from captions to media and back, over all items of a table. It touches no library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.captions import read_captions
from retrieval.evaluation.embedded_items import UnreadableItem, embed_items
from retrieval.evaluation.item_words import words_joined
from retrieval.evaluation.metrics import Float64Array, RankSummary, rank_rows, summarize
from retrieval.evaluation.video_items import VideoItems, embed_video_items, evened_scores, fused_scores
from retrieval.search.query import By
from retrieval.settings import Settings
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.space import Space
from retrieval.types import Float32Array

__all__ = ["RetrievalFigures", "evaluate_retrieval", "rank_both_ways"]

_ROWS_PER_BLOCK = 512


@dataclass(frozen=True, slots=True)
class RetrievalFigures:
    """What a space does on a table of captions."""

    space: str
    by: By
    items: int
    captions: int
    text_to_media: RankSummary
    media_to_text: RankSummary
    unreadable: tuple[UnreadableItem, ...]

    def to_json(self) -> dict[str, Any]:
        """As `vidi eval retrieval --json` prints it."""
        return {
            "space": self.space,
            "by": self.by.value,
            "items": self.items,
            "captions": self.captions,
            "text_to_media": self.text_to_media.to_json(),
            "media_to_text": self.media_to_text.to_json(),
            "unreadable": [item.to_json() for item in self.unreadable],
        }


def evaluate_retrieval(
    table: Path,
    space: Space,
    *,
    by: By = By.FUSED,
    settings: Settings | None = None,
    notice: Callable[[str], None] = lambda line: None,
) -> RetrievalFigures:
    """Rank every item for each caption, and every caption for each item.

    An item is a whole file, or ``[start_seconds, end_seconds)`` of one; its score is that of its best frame, as
    search ranks; of a space of windows, the scores of window and frame are added, and items whose words, said or
    written, answer a caption join by reciprocal rank. From media to captions, which no search ranks, these words don't
    count. An item that can't be used is listed, and counts as ranked last in both directions. ``notice`` is told, in a
    line each, of experts that are left out.

    Raises:
        DatasetError: the table can't be read, or not one item can be used.
        WeightsError: the models' weights are absent or damaged.
    """
    items = read_captions(table)
    texts = [caption for item in items for caption in item.captions]
    owners = np.repeat(np.arange(len(items)), [len(item.captions) for item in items])
    places = [(item.path, item.span) for item in items]
    settings = settings or Settings()
    if isinstance(space, MmtSpace):
        videos = embed_video_items(places, space, settings, table, notice)
        scores, unreadable = _scores_of_windows(videos, texts, space, by), videos.unreadable
        ranked = words_joined(scores, videos.words, texts, notice) if by is By.FUSED else scores
    else:
        embedded = embed_items(places, space, settings, table)
        ranked = scores = embedded.scores(_embed_texts(space, texts))
        unreadable = embedded.unreadable
    to_media, _ = rank_both_ways(ranked, owners)
    _, to_text = rank_both_ways(scores, owners)
    return RetrievalFigures(space.name, by, len(items), len(texts), summarize(to_media), summarize(to_text), unreadable)


def _scores_of_windows(embedded: VideoItems, texts: list[str], space: MmtSpace, by: By) -> Float32Array:
    """Scores of all items for all texts, ``[c, i]``: of windows, of the frames of the picture space, or of both."""
    if by is By.SPACE or space.pictures is None:
        return embedded.windows.scores(_embed_texts(space, texts))
    frames = embedded.frames.scores(_embed_texts(space.pictures, texts))
    if by is By.FRAMES:
        return frames
    return fused_scores(frames, evened_scores(embedded, space, _embed_texts(space, texts)), embedded.can_be_seen)


def rank_both_ways(scores: Float32Array, owners: NDArray[np.intp]) -> tuple[Float64Array, Float64Array]:
    """Ranks of the item for each caption ``[c]``, and of the best of its captions for each item ``[i]``.

    ``scores`` is ``[c, i]``; ``owners`` ``[c]`` names each caption's item, and every item has one. The column of an
    item that can't be used holds minus infinity: it is last for all.
    """
    captions, items = scores.shape
    right: list[list[int]] = [[] for _ in range(items)]
    for caption, owner in enumerate(owners.tolist()):
        right[owner].append(caption)
    unusable = (scores == -np.inf).all(axis=0)
    to_media = rank_rows(_blocks(scores), [[owner] for owner in owners.tolist()])
    to_text = rank_rows(_blocks(scores.T), right)
    # Among themselves such items are tied, and a tie would lift them above the last place.
    return np.where(unusable[owners], items, to_media), np.where(unusable, captions, to_text)


def _blocks(scores: Float32Array) -> Iterator[Float32Array]:
    for start in range(0, len(scores), _ROWS_PER_BLOCK):
        yield np.ascontiguousarray(scores[start : start + _ROWS_PER_BLOCK])


def _embed_texts(space: Space, texts: list[str]) -> Float32Array:
    starts = range(0, len(texts), _ROWS_PER_BLOCK)
    return np.concatenate([space.embed_text(texts[start : start + _ROWS_PER_BLOCK]) for start in starts])
