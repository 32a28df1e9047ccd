"""The camera does what the move says, and a longer look begins as a shorter one does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from retrieval.training.composed.camera import FRAME_HEIGHT, FRAME_RATE, FRAME_WIDTH, frames_of
from retrieval.training.composed.parts import Move, Shot


def flow(shot: Shot) -> tuple[float, float, float]:
    """Over two seconds: how far what is seen goes to the right, and down, and apart."""
    frames = list(frames_of(shot, 3))
    grey = [cv2.cvtColor(frames[number], cv2.COLOR_RGB2GRAY) for number in (5, 25)]
    found = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*grey, None)
    x = np.linspace(-1, 1, FRAME_WIDTH)[None]
    return float(found[..., 0].mean()), float(found[..., 1].mean()), float((found[..., 0] * x).mean())


@pytest.mark.parametrize(
    ("move", "axis", "sign"),
    [
        (Move.PAN_LEFT, 0, 1), (Move.PAN_RIGHT, 0, -1), (Move.TILT_UP, 1, 1), (Move.TILT_DOWN, 1, -1),
        (Move.ZOOM_IN, 2, 1), (Move.ZOOM_OUT, 2, -1),
    ],
)  # fmt: skip
def test_what_is_seen_goes_where_the_move_sends_it(shot: Shot, move: Move, axis: int, sign: int) -> None:
    along = flow(replace(shot, move=move))
    assert sign * along[axis] > 2.0
    assert abs(flow(shot)[axis]) < 2.0


def test_frames_are_as_told_and_begin_alike_however_long(shot: Shot) -> None:
    short, long = list(frames_of(shot, 2)), list(frames_of(shot, 4))
    assert len(short) == 2 * FRAME_RATE
    assert all(frame.shape == (FRAME_HEIGHT, FRAME_WIDTH, 3) and frame.dtype == np.uint8 for frame in long)
    assert all(np.array_equal(one, other) for one, other in zip(short, long, strict=False))


def test_a_fade_starts_from_black_and_ends_within_a_second(shot: Shot) -> None:
    plain, faded = list(frames_of(shot, 1)), list(frames_of(replace(shot, fades_in=True), 1))
    assert faded[0].max() == 0
    assert np.array_equal(faded[-1], plain[-1])


def test_words_are_drawn_on_every_frame_within_the_picture(shot: Shot) -> None:
    plain = list(frames_of(shot, 1))
    written = list(frames_of(replace(shot, words="GRAND PHARMACY IN GREENVILLE AND STONEHILL"), 1))
    for before, after in zip(plain, written, strict=True):
        changed = (before != after).any(axis=2)
        assert changed.mean() > 0.02
        assert not changed[:, :4].any()


def test_a_photograph_that_is_not_there_is_told(shot: Shot) -> None:
    with pytest.raises(OSError, match="absent"):
        next(frames_of(replace(shot, photograph=Path("absent.png")), 1))
