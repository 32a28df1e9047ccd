"""The items of a data set as a space of windows sees them: by frames, by windows, or by both as search does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DatasetError
from retrieval.evaluation.embedded_items import EmbeddedItems, UnreadableItem, vectors_of_item
from retrieval.evaluation.item_words import ItemWords
from retrieval.experts.extraction import Extracted, NotExtracted, extract_tracks
from retrieval.experts.foreign import foreign_experts, option_of
from retrieval.experts.frames_over_time import FramesOverTime
from retrieval.experts.over_time import TimeExpert
from retrieval.experts.registry import time_experts
from retrieval.media.kinds import kind_of
from retrieval.models.mmt_inputs import cut_window
from retrieval.search.media_vectors import MediaVectors, UnreadableMedia, embed_media
from retrieval.search.sight import FRAMES_WEIGHT
from retrieval.settings import Settings
from retrieval.spaces.experts import expert_of
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.space import Space
from retrieval.track_versions import are_read_alike
from retrieval.types import FeatureTrack, Float32Array, MediaKind, Span

__all__ = ["VideoItems", "embed_video_items", "evened_scores", "fused_scores"]

Item = tuple[Path, Span | None]
_Tracks = Mapping[str, FeatureTrack]


@dataclass(frozen=True, slots=True, eq=False)
class VideoItems:
    """For each item the vectors of its windows in the space, and of its frames in the picture space beneath.

    A picture has no windows.
    """

    windows: EmbeddedItems
    frames: EmbeddedItems
    words: tuple[ItemWords, ...]
    """What is said and written in each; nothing in a picture, and of what can't be used."""

    @property
    def can_be_seen(self) -> NDArray[np.bool_]:
        """Which items have frames, ``[items]``."""
        return np.array([vectors is not None for vectors in self.frames.vectors], np.bool_)

    @property
    def unreadable(self) -> tuple[UnreadableItem, ...]:
        """Items that can't be used."""
        return self.windows.unreadable


def embed_video_items(
    items: Sequence[Item],
    space: MmtSpace,
    settings: Settings,
    table: Path,
    notice: Callable[[str], None] = lambda line: None,
) -> VideoItems:
    """Decode each file once, ask the experts that the space knows, and cut the items that it holds.

    An item that is a part of a file is cut as a file of its own would be.

    Raises:
        DatasetError: not one item of ``table`` can be used.
        ModelError: the space stands upon no picture space.
    """
    kinds = {path: kind_of(path) or MediaKind.PICTURE for path, _ in items}
    films = {path: kind for path, kind in kinds.items() if kind is not MediaKind.PICTURE}
    form = None if space.pictures is None else expert_of(space.pictures).form
    settings = replace(settings, sampling=replace(settings.sampling, form=form))
    pictures = _embedded([path for path in kinds if path not in films], space, settings)
    found: dict[Path, Extracted | NotExtracted] = {}
    for outcome in extract_tracks(films.items(), _experts(space, settings, notice), settings=settings, notice=notice):
        path = Path(os.fsdecode(outcome.path))
        found[path] = outcome
        for note in outcome.testimony.failures if isinstance(outcome, Extracted) else ():
            notice(f"{path}: {note}")
    windows, frames, words, unreadable = [], [], [], []
    for path, span in items:
        if path in found:
            vectors = _vectors(found[path], path, span, space)
        else:
            vectors = _picture_vectors(pictures.get(path), path, span)
        if isinstance(vectors, str):
            unreadable.append(UnreadableItem(path, span, vectors))
            vectors = None, None
        windows.append(vectors[0])
        frames.append(vectors[1])
        words.append(_words(found.get(path), span) if any(each is not None for each in vectors) else ItemWords())
    if len(unreadable) == len(items):
        raise DatasetError(
            f"none of the {len(items):,} items of {table} can be used, the first because: {unreadable[0].reason}; "
            f"paths are relative to the table's folder"
        )
    return VideoItems(EmbeddedItems(windows, tuple(unreadable)), EmbeddedItems(frames, tuple(unreadable)), tuple(words))


def _words(found: Extracted | NotExtracted | None, span: Span | None) -> ItemWords:
    return ItemWords.of(found.testimony, span) if isinstance(found, Extracted) else ItemWords()


def _embedded(paths: Sequence[Path], space: MmtSpace, settings: Settings) -> dict[Path, MediaVectors | UnreadableMedia]:
    """Pictures in the picture space beneath; none where there is no such space."""
    if space.pictures is None or not paths:
        return {}
    return {paths[outcome.key]: outcome for outcome in embed_media(paths, space.pictures, settings)}


def _picture_vectors(
    found: MediaVectors | UnreadableMedia | None, path: Path, span: Span | None
) -> tuple[None, Float32Array] | str:
    if found is None:
        return "it is a picture, and the space has no picture space beneath it to look at pictures with"
    frames = vectors_of_item(found, path, span)
    return frames if isinstance(frames, str) else (None, frames)


def _experts(space: MmtSpace, settings: Settings, notice: Callable[[str], None]) -> list[TimeExpert]:
    """Those whose features the space knows, at its versions; what can't load here is masked, as in an index run."""
    known, experts = space.expert_versions, time_experts()
    here = [*experts.present, *foreign_experts(settings.index.expert_models)]
    over_time = [expert for expert in here if are_read_alike(expert.name, known.get(expert.name, ""), expert.version)]
    asked = {expert.name for expert in over_time}
    needed = {name: option for name, version in known.items() if (option := option_of(name, version))}
    for name in sorted(needed.keys() - asked):
        notice(f"measured without the {name} expert {known[name]}, over which it was trained; give {needed[name]}")
    for absent in experts.absent:
        if absent.name in known.keys() - needed.keys():
            notice(f"measured without the {absent.name} expert: {absent.reason}")
    return over_time if space.pictures is None else [FramesOverTime(expert_of(space.pictures)), *over_time]


def _vectors(
    found: Extracted | NotExtracted, path: Path, span: Span | None, space: MmtSpace
) -> tuple[Float32Array | None, Float32Array | None] | str:
    """Windows' and frames' vectors of one item, or why there are none."""
    if isinstance(found, NotExtracted):
        return found.reason if path.exists() else "there is no such file"
    end = found.facts.duration_seconds or 0.0
    tracks: _Tracks = {name: track for (name, _), track in found.testimony.tracks.items()}
    if span is not None:
        if span.start_seconds >= end:
            return "nothing lies in that time"
        end = min(end, span.end_seconds)
        tracks = {name: _from(track, span) for name, track in cut_window(tracks, span).tracks.items()}
        end -= span.start_seconds
    windows = space.embed_video(tracks, end)[1]
    frames = None if space.pictures is None else _frame_vectors(tracks, space.pictures)
    if not len(windows) and frames is None:
        return "it has nothing to look at or to hear"
    return (windows if len(windows) else None), frames


def _from(track: FeatureTrack, span: Span) -> FeatureTrack:
    """Times from the start of ``span`` on."""
    return FeatureTrack(np.asarray(track.times - np.float32(span.start_seconds), np.float32), track.features)


def _frame_vectors(tracks: _Tracks, pictures: Space) -> Float32Array | None:
    expert = expert_of(pictures)
    track = tracks.get(expert.name)
    if track is None or not len(track):
        return None
    return pictures.embed_segments(expert.recall(np.asarray(track.features, np.float32)).rows)


def fused_scores(frames: Float32Array, windows: Float32Array, can_be_seen: NDArray[np.bool_]) -> Float32Array:
    """One score from both, ``[t, items]`` each, as search adds them; minus infinity where an item has neither.

    An item that one of both knows nothing of counts there as the least of the row; among frames one that can't be seen
    (``can_be_seen`` ``[items]``) as the middle one of the row.
    """
    fused = _or_least(windows) + FRAMES_WEIGHT * np.where(can_be_seen, _or_least(frames), _middle(frames))
    return np.where(np.isneginf(frames) & np.isneginf(windows), -np.inf, fused).astype(np.float32)


def _middle(scores: Float32Array) -> Float32Array:
    """The median of each row, ``[t, 1]``, without minus infinity; 0 of none."""
    known = [row[~np.isneginf(row)] for row in scores]
    return np.array([[np.median(row) if len(row) else 0.0] for row in known], np.float32)


def evened_scores(embedded: VideoItems, space: MmtSpace, texts: Float32Array) -> Float32Array:
    """Scores of windows ``[t, items]`` for ``texts`` ``[t, d]``, those of sounds evened as in a search."""
    scores = embedded.windows.scores(texts)
    for item in np.flatnonzero(~embedded.can_be_seen):
        if (vectors := embedded.windows.vectors[item]) is None:
            continue
        for row, text in enumerate(texts):
            best = vectors[[(vectors @ text).argmax()]]
            scores[row, item] = space.evened(scores[row, [item]], best, text)[0]
    return scores


def _or_least(scores: Float32Array) -> Float32Array:
    """``scores`` with the least of each row in the place of minus infinity."""
    known = np.where(np.isneginf(scores), np.inf, scores).min(axis=1, keepdims=True, initial=np.inf)
    return np.where(np.isneginf(scores), np.where(np.isinf(known), 0, known), scores)
