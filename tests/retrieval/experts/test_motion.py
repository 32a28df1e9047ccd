from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.experts.motion import CAMERA_TERMS, Motion, motion_features
from retrieval.experts.over_time import TimeExpert
from retrieval.media.pieces import FramePair

WIDTH, HEIGHT = 160, 90
GAP = 0.1


def texture(seed: int = 0, cells: tuple[int, int] = (40, 60)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, cells).astype(np.uint8)
    return Image.fromarray(coarse).resize((480, 320), Image.Resampling.BICUBIC)


def view(
    scene: Image.Image, right: float = 0, down: float = 0, zoom: float = 1.0, turn: float = 0.0
) -> NDArray[np.uint8]:
    """What a camera sees in the middle of ``scene``, its content moved so many pixels, grown, and turned clockwise."""
    angle = np.radians(-turn)
    cos, sin = np.cos(angle) / zoom, np.sin(angle) / zoom
    middle_x, middle_y = 240, 160
    x, y = WIDTH / 2 + right, HEIGHT / 2 + down
    affine = (cos, -sin, middle_x - cos * x + sin * y, sin, cos, middle_y - sin * x - cos * y)
    return np.asarray(scene.transform((WIDTH, HEIGHT), Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC))


def pair(before: NDArray[np.uint8], after: NDArray[np.uint8], gap_seconds: float = GAP) -> FramePair:
    return FramePair(0.0, gap_seconds, before, after)


def squared(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undoes the signed roots."""
    return np.sign(features) * np.square(features)


def camera(features: NDArray[np.float32]) -> dict[str, float]:
    return dict(zip(CAMERA_TERMS, squared(features)[:6].tolist(), strict=True))


@pytest.mark.parametrize(
    ("moved", "term", "expected"),
    [
        ({"right": 3}, "pan", 3 / 160 / GAP),
        ({"right": -5}, "pan", -5 / 160 / GAP),
        ({"down": 2}, "tilt", 2 / 160 / GAP),
        ({"zoom": 1.04}, "zoom", 0.04 / 2 / GAP),
        ({"zoom": 0.96}, "zoom", -0.04 / 2 / GAP),
        ({"turn": 2}, "rotation", np.radians(2) / 2 / GAP),
    ],
    ids=["to the right", "to the left", "down", "growing", "shrinking", "clockwise"],
)
def test_what_the_camera_does_is_one_term_of_it(moved: dict[str, float], term: str, expected: float) -> None:
    scene = texture()

    found = camera(motion_features(pair(view(scene), view(scene, **moved))))

    assert found[term] == pytest.approx(expected, rel=0.1)
    assert all(abs(value) < 0.15 * abs(expected) for name, value in found.items() if name != term)


def test_a_thing_that_moves_is_told_from_a_camera_that_does() -> None:
    scene, thing = texture(), texture(seed=5).resize((40, 40))
    before, after = view(scene).copy(), view(scene, right=4).copy()
    before[25:65, 100:140] = np.asarray(thing)
    after[22:62, 100:140] = np.asarray(thing)  # up, while the picture moves to the right

    told = motion_features(pair(before, after))
    features = squared(told)
    empty = squared(motion_features(pair(view(scene), view(scene, right=4))))

    assert features[0] == pytest.approx(4 / 160 / GAP, rel=0.1)
    assert features[7] > 4 * empty[7]  # the mean that the camera doesn't explain
    assert told[10] > 0.1 > empty[10]  # the share of it
    rest = features[19:100].reshape(3, 3, 9)
    assert rest[1, 2, :8].sum() > 5 * rest[1, 0, :8].sum()  # it is on the right
    up_and_left = rest[1, 2, [4, 5, 6]].sum()  # seen from the moving camera
    assert up_and_left > 0.7 * rest[1, 2, :8].sum()


def test_neither_size_nor_frame_rate_changes_a_velocity() -> None:
    scene = texture()
    slow = camera(motion_features(pair(view(scene), view(scene, right=2), gap_seconds=0.05)))
    fast = camera(motion_features(pair(view(scene), view(scene, right=4), gap_seconds=0.1)))
    small = [np.asarray(Image.fromarray(view(scene, right=shift)).resize((80, 45))) for shift in (0, 4)]
    half = camera(motion_features(pair(small[0], small[1], gap_seconds=0.1)))

    assert slow["pan"] == pytest.approx(fast["pan"], rel=0.1)
    assert half["pan"] == pytest.approx(fast["pan"], rel=0.15)


def test_nothing_moves_where_frames_are_equal_or_of_one_colour() -> None:
    same = squared(motion_features(pair(view(texture()), view(texture()))))
    flat = squared(motion_features(pair(np.zeros((90, 160), np.uint8), np.full((90, 160), 90, np.uint8))))

    assert np.abs(same[:19]).max() < 1e-4
    assert np.abs(flat[:6]).max() < 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (2, 160), (160, 2), (8, 8), (90, 160), (160, 90)])
def test_any_size_gives_164_finite_numbers(shape: tuple[int, int]) -> None:
    before, after = np.random.default_rng(1).integers(0, 256, (2, *shape)).astype(np.uint8)

    features = motion_features(pair(before, after))

    assert features.shape == (Motion.dim,) == (164,)
    assert np.isfinite(features).all()


def test_a_track_has_a_row_a_second_that_was_seen_within_the_file() -> None:
    expert = Motion()
    assert isinstance(expert, TimeExpert)
    reading = expert.begin()
    frame = view(texture())
    for time in (0.0, 0.5, 1.2, 3.0, 4.9, 6.0):
        reading.add(FramePair(time, GAP, frame, frame))

    track = reading.finish(5.5).track

    assert track.times.tolist() == [[0, 1], [1, 2], [3, 4], [4, 5]]
    assert track.features.dtype == np.float16


def test_a_file_without_pairs_has_a_track_of_no_rows() -> None:
    assert Motion().begin().finish(3.0).track.features.shape == (0, 164)
