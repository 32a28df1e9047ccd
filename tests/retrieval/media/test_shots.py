from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector

from retrieval.media.shots import ShotDetector, difference, may_cut, signature


def ours(frames: list[NDArray[np.uint8]]) -> list[int]:
    detector = ShotDetector()
    return [number for number, frame in enumerate(frames) if detector.starts_shot(number / 25, signature(frame))]


def theirs(frames: list[NDArray[np.uint8]]) -> list[int]:
    detector = ContentDetector(min_scene_len=0)
    found = []
    for number, frame in enumerate(frames):
        found += detector.process_frame(FrameTimecode(number, fps=25.0), frame[..., ::-1].copy())
    return [time.frame_num for time in found]


def test_cuts_are_those_of_pyscenedetect(make: Any) -> None:
    frames = make.shots(1.0, 0.6, 2.0, 0.4)
    assert ours(frames) == theirs(frames) == [25, 40, 90]


def test_a_slow_fade_is_no_cut(make: Any) -> None:
    first, second = make.scene(1).astype(float), make.scene(2).astype(float)
    frames = [(first + (second - first) * step / 50).astype(np.uint8) for step in range(51)]
    assert ours(frames) == theirs(frames) == []


def test_two_reds_are_alike() -> None:
    orange_red, pink_red = np.full((36, 64, 3), (255, 2, 0), np.uint8), np.full((36, 64, 3), (255, 0, 2), np.uint8)
    assert difference(signature(orange_red), signature(pink_red)) < 2


def test_a_cut_soon_after_another_is_found_though_the_picture_moves() -> None:
    """The last cut is among the differences that came before, and says nothing of how fast the picture moves."""
    moving, cut = 24, 200
    steps = [(0.1, moving), (0.2, moving), (0.3, cut), (0.4, moving), (1.4, moving), (1.5, -132)]
    detector, brightness = ShotDetector(), 0
    detector.starts_shot(0.0, np.zeros((36, 64, 3), np.int16))
    found = []
    for time, step in steps:
        brightness += step
        seen = np.zeros((36, 64, 3), np.int16)
        seen[..., 2] = brightness
        if detector.starts_shot(time, seen):
            found.append(time)
    assert found == [0.3, 1.5]


def test_a_wild_picture_is_not_cut_at_every_frame() -> None:
    generator = np.random.default_rng(3)
    frames = [generator.integers(0, 256, (36, 64, 3)).astype(np.uint8) for _ in range(30)]
    assert len(ours(frames)) <= 1


def test_scores_are_those_of_pyscenedetect(make: Any) -> None:
    before, after = make.scene(1), make.scene(2)
    detector = ContentDetector(min_scene_len=0)
    score = [
        detector._calculate_frame_score(FrameTimecode(0, fps=25.0), one[..., ::-1].copy()) for one in (before, after)
    ]
    assert difference(signature(before), signature(after)) == pytest.approx(
        score[1], rel=0.35
    )  # hue goes the short way


def test_a_pan_may_not_be_a_cut_and_another_scene_may(make: Any) -> None:
    photo = np.asarray(make.photo(320, 96))
    before, after, other = photo[:, :160], photo[:, 40:200], make.scene(2)
    assert difference(signature(before), signature(after)) > 27
    assert not may_cut(signature(before), signature(after))
    assert may_cut(signature(before), signature(other))
