"""Tracks composed of parts: in their places, cut to their seconds, and (long) those of the clip rendered whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.evaluation.captions import CaptionedItem
from retrieval.experts.appearance import Appearance
from retrieval.experts.frames_over_time import FramesOverTime
from retrieval.experts.registry import time_experts
from retrieval.settings import Settings
from retrieval.training.composed.atoms import Atom, render_parts
from retrieval.training.composed.drawing import Parts
from retrieval.training.composed.film import write_clip
from retrieval.training.composed.parts import Clip, Event, Kind, Move, NamedSound, Noise, Quiet, Shot
from retrieval.training.composed.splice import Tracks, splice
from retrieval.training.mmt.tracks import TrackReader
from retrieval.training.stage_cache import StageCache
from retrieval.types import FeatureTrack


def seconds(count: int, value: float) -> FeatureTrack:
    starts = np.arange(count, dtype=np.float32)
    return FeatureTrack(np.stack([starts, starts + 1], axis=1), np.full((count, 2), value, np.float16))


def test_each_event_is_cut_to_its_seconds_and_moved_to_its_place(shot: Shot, sounds: list[NamedSound]) -> None:
    other, noise = replace(shot, seed=2), Noise(sounds[0], 0)
    whole = FeatureTrack(np.array([[0, 4]], np.float32), np.full((1, 3), 7, np.float16))
    tracks: dict[Atom, Tracks] = {
        shot: {"motion": seconds(4, 1), "ocr": whole, "audio": seconds(0, 0)},
        other: {"motion": seconds(4, 2)},
        noise: {"audio": seconds(4, 5), "motion": seconds(0, 0)},
        Quiet(): {"audio": seconds(4, 0)},
    }
    clip = Clip(Kind.TWO, 0, (Event(shot, 2), Event(other, 3, noise)), "a, then b", True)
    joined = splice(clip, tracks)
    assert joined["motion"].times.tolist() == [[k, k + 1] for k in range(5)]
    assert joined["motion"].features[:, 0].tolist() == [1, 1, 2, 2, 2]
    assert joined["audio"].features[:, 0].tolist() == [0, 0, 5, 5, 5]
    assert joined["ocr"].times.tolist() == [[0, 2]]
    assert "audio" not in splice(replace(clip, has_sound=False), tracks)


@pytest.mark.long
def test_spliced_tracks_are_those_of_the_clip_rendered_whole(
    photographs: list[CaptionedItem], sounds: list[NamedSound], tmp_path: Path
) -> None:
    """All but the seconds at the border, where flow meets the cut."""
    moves = (Move.PAN_LEFT, Move.ZOOM_IN, Move.TILT_UP)
    shots = tuple(
        (Shot(item.path, item.captions, move, None, False, number),)
        for number, (item, move) in enumerate(zip(photographs, moves, strict=False))
    )
    noise = Noise(sounds[0], 0)
    parts = Parts(shots, (noise,), ())
    first, second, third = (entry[0] for entry in shots)
    events = (Event(first, 3, noise), Event(second, 4), Event(third, 3))
    clip = Clip(Kind.THREE, 0, events, "in order", True)
    rendered = render_parts(parts, tmp_path / "atoms", print)
    write_clip(clip, tmp_path / "whole.mp4")
    experts = [FramesOverTime(Appearance()), *time_experts().present]
    reader = TrackReader(experts, StageCache(tmp_path / "cache"), Settings(), print)
    media = reader.read([*rendered.paths.values(), tmp_path / "whole.mp4"])
    spliced = splice(clip, {atom: media.tracks[path] for atom, path in rendered.paths.items()})
    whole = media.tracks[tmp_path / "whole.mp4"]
    inner = [0, 1, 4, 5, 8, 9]  # not 2 | 3 and 6 | 7, which meet a cut
    for name in ("appearance", "motion", "audio"):
        assert spliced[name].times.tolist() == whole[name].times.tolist(), name
        one, other = (tracks[name].features.astype(np.float32)[inner] for tracks in (spliced, whole))
        cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        assert cosines.min() > {"appearance": 0.98, "motion": 0.9, "audio": 0.9}[name], (name, cosines)
