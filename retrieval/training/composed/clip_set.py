"""Composed clips as an MMT reads them, spliced from their parts' tracks when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.models.mmt_inputs import Window
from retrieval.training.composed.atoms import Atom
from retrieval.training.composed.parts import Clip
from retrieval.training.composed.splice import Tracks, splice
from retrieval.training.mmt.clips import CaptionedClip
from retrieval.training.mmt.pictures import StarterPictures

__all__ = ["ComposedClips"]


class ComposedClips:
    """See :class:`retrieval.training.mmt.clips.ClipSet`. Clips with a part that has no tracks are left out."""

    def __init__(self, clips: Sequence[Clip], tracks: Mapping[Atom, Tracks], pictures: StarterPictures) -> None:
        """``tracks`` of the parts, as the experts gave them."""
        self._tracks = pictures.tracks(tracks)
        self._pictures = pictures
        self.clips = [clip for clip in clips if _atoms(clip) <= self._tracks.keys()]
        self.groups: NDArray[np.int64] = np.array([clip.group for clip in self.clips], np.int64)

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, number: int) -> CaptionedClip:
        clip = self.clips[number]
        return CaptionedClip((self._pictures.window(Window(splice(clip, self._tracks))),), (clip.caption,))

    def all_captions(self) -> list[str]:
        """Of all clips, in order."""
        return [clip.caption for clip in self.clips]


def _atoms(clip: Clip) -> set[Atom]:
    """The parts that a clip is spliced from."""
    return {event.shot for event in clip.events} | ({event.heard for event in clip.events} if clip.has_sound else set())
