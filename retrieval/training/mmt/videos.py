"""Captioned videos of a table as an MMT reads them, and their split by video."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.captions import CaptionedItem
from retrieval.experts.appearance import Appearance
from retrieval.models.mmt_inputs import Window, cut_window
from retrieval.spaces.windows import cut_windows, shot_borders
from retrieval.training.mmt.clips import CaptionedClip
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.tracks import MediaTracks
from retrieval.types import FeatureTrack, Span

__all__ = ["CaptionedVideos", "split_by_video"]


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """Windows of one video, made of its tracks one by one. See :class:`retrieval.training.mmt.clips.Windows`."""

    tracks: Mapping[str, FeatureTrack]
    spans: Sequence[Span]
    pictures: StarterPictures

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, number: int) -> Window:
        return self.pictures.window(cut_window(self.tracks, self.spans[number]))


class CaptionedVideos:
    """See :class:`retrieval.training.mmt.clips.ClipSet`. ``left_out`` says of each other item why it is no clip.

    What is longer than a window is cut as an index run cuts it, and a clip has all of these windows but those of which
    no expert says anything.
    """

    def __init__(self, items: Sequence[CaptionedItem], media: MediaTracks, pictures: StarterPictures) -> None:
        self._pictures = pictures
        self._tracks = pictures.tracks(media.tracks)
        self.items: list[CaptionedItem] = []
        self.left_out: list[str] = []
        self._cuts: list[_Cut] = []
        for item in items:
            cut = media.left_out.get(item.path) or self._cut(item, media.durations[item.path])
            if isinstance(cut, str):
                self.left_out.append(f"{item.label}: {cut}")
            else:
                self.items.append(item)
                self._cuts.append(cut)
        self.groups: NDArray[np.int64] = np.arange(len(self.items), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> CaptionedClip:
        return CaptionedClip(self._cuts[number], self.items[number].captions)

    @property
    def windows(self) -> int:
        """Of all clips."""
        return sum(map(len, self._cuts))

    def all_captions(self) -> list[str]:
        """Of all clips, in order."""
        return [caption for item in self.items for caption in item.captions]

    def _cut(self, item: CaptionedItem, duration_seconds: float) -> _Cut | str:
        tracks = self._tracks[item.path]
        spans = _windows(tracks.get(Appearance.name), item.span or Span(0, duration_seconds), duration_seconds)
        told = [span for span in spans if any(map(_is_told, cut_window(tracks, span).tracks.values()))]
        if not told:
            return "no expert has anything to say of it" + ("" if item.span is None else " in that time")
        return _Cut(tracks, told, self._pictures)


def _windows(seen: FeatureTrack | None, span: Span, duration_seconds: float) -> Iterator[Span]:
    """The windows of a part of a video, by its frames in the picture space: as if that part were all of it."""
    start = span.start_seconds
    borders: list[float] = []
    if seen is not None:
        sound = np.isfinite(seen.features).all(axis=1)
        borders = shot_borders(seen.times[sound], np.asarray(seen.features[sound], np.float32))
    inside = [border - start for border in borders if start < border < span.end_seconds]
    for window in cut_windows(min(span.end_seconds, duration_seconds) - start, inside):
        yield Span(start + window.start_seconds, start + window.end_seconds)


def _is_told(track: FeatureTrack) -> bool:
    return bool(np.isfinite(track.features).all(axis=1).any())


def split_by_video(
    items: Sequence[CaptionedItem], share: float, seed: int
) -> tuple[list[CaptionedItem], list[CaptionedItem]]:
    """Items to train on, and those of about ``share`` of the videos, held out: no video is on both sides."""
    paths = list(dict.fromkeys(item.path for item in items))
    count = round(share * len(paths))
    chosen = np.random.default_rng([seed, 5]).permutation(len(paths))[:count]
    held_out: set[Path] = {paths[int(number)] for number in chosen}
    return [item for item in items if item.path not in held_out], [item for item in items if item.path in held_out]
