"""A clip's tracks from those of its parts: cut to the seconds of each event, moved to its place, and joined.

For experts that tell of whole seconds this is what they say of the clip rendered whole, but for the seconds at a border
between events: flow across a cut, and what Whisper's encoder hears from neighbouring seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from retrieval.models.mmt_inputs import Window, cut_window
from retrieval.training.composed.atoms import Atom
from retrieval.training.composed.parts import Clip
from retrieval.types import FeatureTrack, Span

__all__ = ["Tracks", "splice"]

Tracks = Mapping[str, FeatureTrack]
"""By expert."""

_OF_SOUND: Final = frozenset({"audio", "speech"})


def splice(clip: Clip, tracks: Mapping[Atom, Tracks]) -> dict[str, FeatureTrack]:
    """The tracks of ``clip``; a clip without a sound track lacks those of sound.

    Raises:
        KeyError: a part has no tracks.
    """
    pieces: dict[str, list[tuple[int, FeatureTrack]]] = {}
    start = 0
    for event in clip.events:
        span = Span(0.0, float(event.seconds))
        heard = tracks[event.heard] if clip.has_sound else {}
        seen = {name: track for name, track in tracks[event.shot].items() if name not in _OF_SOUND}
        sounds = {name: track for name, track in heard.items() if name in _OF_SOUND}
        window: Window = cut_window(seen | sounds, span)
        for name, track in window.tracks.items():
            pieces.setdefault(name, []).append((start, track))
        start += event.seconds
    return {name: _joined(parts) for name, parts in pieces.items()}


def _joined(parts: list[tuple[int, FeatureTrack]]) -> FeatureTrack:
    times = np.concatenate([track.times + np.float32(start) for start, track in parts])
    return FeatureTrack(times, np.concatenate([track.features for _, track in parts]))
