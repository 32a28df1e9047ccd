"""Captioned videos of a table as an MMT reads them, and their split by video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation.captions import CaptionedItem
from retrieval.models.mmt_inputs import Window, cut_window
from retrieval.training.mmt.clips import CaptionedClip
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.training.mmt.tracks import MediaTracks
from retrieval.types import FeatureTrack

__all__ = ["CaptionedVideos", "split_by_video"]


class CaptionedVideos:
    """See :class:`retrieval.training.mmt.clips.ClipSet`. ``left_out`` says of each other item why it is no clip."""

    def __init__(self, items: Sequence[CaptionedItem], media: MediaTracks, pictures: StarterPictures) -> None:
        self._pictures = pictures
        self._tracks = pictures.tracks(media.tracks)
        self.items: list[CaptionedItem] = []
        self.left_out: list[str] = []
        self._windows: list[Window] = []
        for item in items:
            window = media.left_out.get(item.path) or self._window(item)
            if isinstance(window, str):
                self.left_out.append(f"{item.label}: {window}")
            else:
                self.items.append(item)
                self._windows.append(window)
        self.groups: NDArray[np.int64] = np.arange(len(self.items), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> CaptionedClip:
        return CaptionedClip(self._windows[number], self.items[number].captions)

    def all_captions(self) -> list[str]:
        """Of all clips, in order."""
        return [caption for item in self.items for caption in item.captions]

    def _window(self, item: CaptionedItem) -> Window | str:
        tracks = self._tracks[item.path]
        window = Window(tracks) if item.span is None else cut_window(tracks, item.span)
        if not any(_is_told(track) for track in window.tracks.values()):
            return "no expert has anything to say of it" + ("" if item.span is None else " in that time")
        return self._pictures.window(window)


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
