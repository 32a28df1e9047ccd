"""The frames of a shot: a photograph seen through a camera that trembles, pans, tilts or zooms, with words on it.

The whole photograph is squashed to the frame, as vidi's appearance expert squashes it to its square. A move has a speed
and no end, so that the first seconds of a shot are the same however long it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from retrieval.models.imports import import_opencv
from retrieval.training.composed.parts import LONGEST_SHOT_SECONDS, Move, Shot

__all__ = ["FRAME_HEIGHT", "FRAME_RATE", "FRAME_WIDTH", "frames_of"]

FRAME_WIDTH: Final = 320
FRAME_HEIGHT: Final = 240
FRAME_RATE: Final = 10

_FADE_FRAMES: Final = 6
_PAN: Final = 0.05  # of the frame's width, a second: a zoom that leaves room for it is 1.35
_PAN_ZOOM: Final = 1.35
_ZOOM: Final = 1.09  # a second
_TREMBLE: Final = 0.003  # of the frame's width: what a hand does
_STEADINESS: Final = 0.85  # how much of its last deviation a hand keeps


@dataclass(frozen=True, slots=True)
class _Path:
    """Where the camera is: centre x [f], y [f] (0 to 1 of the photograph) and zoom [f] (1: all of it), f frames."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    zoom: NDArray[np.float64]


def frames_of(shot: Shot, seconds: int) -> Iterator[NDArray[np.uint8]]:
    """``[240, 320, 3]`` RGB, ten a second, for ``seconds``.

    Raises:
        OSError: the photograph can't be read; Pillow's other errors are of this kind.
    """
    rng = np.random.default_rng(shot.seed)
    with Image.open(shot.photograph) as opened:
        whole = opened.convert("RGB").resize((FRAME_WIDTH, FRAME_HEIGHT), Image.Resampling.BICUBIC)
    picture, path = np.asarray(whole), _path_of(shot.move, rng)
    overlay = _overlay(shot.words, rng) if shot.words is not None else None
    for number in range(seconds * FRAME_RATE):
        frame = _view(picture, path, number)
        if overlay is not None:
            frame = _laid_over(frame, overlay)
        if shot.fades_in and number < _FADE_FRAMES:
            frame = (frame * (number / _FADE_FRAMES)).astype(np.uint8)
        yield frame


def _path_of(move: Move, rng: np.random.Generator) -> _Path:
    count = LONGEST_SHOT_SECONDS * FRAME_RATE
    time = np.arange(count) / FRAME_RATE
    x, y = _tremble(count, rng) + 0.5, _tremble(count, rng) + 0.5
    zoom = np.full(count, 1.03 + 0.05 * rng.random())
    speed = 0.8 + 0.4 * rng.random()
    along = _PAN * speed * (time - LONGEST_SHOT_SECONDS / 2)
    match move:
        case Move.PAN_LEFT | Move.PAN_RIGHT:
            x += along if move is Move.PAN_RIGHT else -along
            zoom += _PAN_ZOOM - 1
        case Move.TILT_UP | Move.TILT_DOWN:
            y += along if move is Move.TILT_DOWN else -along
            zoom += _PAN_ZOOM - 1
        case Move.ZOOM_IN:
            zoom *= (1 + (_ZOOM - 1) * speed) ** time
        case Move.ZOOM_OUT:
            zoom *= (1 + (_ZOOM - 1) * speed) ** (LONGEST_SHOT_SECONDS - time)
        case Move.HOLD:
            pass
    return _Path(x, y, zoom)


def _tremble(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    steps = rng.normal(0, _TREMBLE * rng.uniform(0.1, 1.0), count)
    place = np.zeros(count)
    for number in range(1, count):
        place[number] = _STEADINESS * place[number - 1] + steps[number]
    return place


def _view(picture: NDArray[np.uint8], path: _Path, number: int) -> NDArray[np.uint8]:
    """What the camera sees; beyond the photograph's border it sees the border mirrored."""
    cv2 = import_opencv()  # here, since only a process that renders should pay for it

    zoom = path.zoom[number]
    left = path.x[number] * FRAME_WIDTH - FRAME_WIDTH / (2 * zoom)
    top = path.y[number] * FRAME_HEIGHT - FRAME_HEIGHT / (2 * zoom)
    matrix = np.array([[zoom, 0, -zoom * left], [0, zoom, -zoom * top]])
    seen = cv2.warpAffine(
        picture, matrix, (FRAME_WIDTH, FRAME_HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(seen, np.uint8)


def _overlay(words: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The words as RGBA ``[240, 320, 4]``: dark on light or light on dark, high or low, as large as fits."""
    layer = Image.new("RGBA", (FRAME_WIDTH, FRAME_HEIGHT))
    draw = ImageDraw.Draw(layer)
    size = float(rng.integers(22, 34))
    font = ImageFont.load_default(size)
    while draw.textlength(words, font) > FRAME_WIDTH - 24 and size > 12:
        size -= 1
        font = ImageFont.load_default(size)
    width = draw.textlength(words, font)
    left, top = (FRAME_WIDTH - width) / 2, float(rng.choice([0.08, 0.45, 0.8])) * FRAME_HEIGHT
    ink, ground = [((255, 255, 255, 255), (0, 0, 0, 160)), ((20, 20, 20, 255), (255, 255, 255, 190))][rng.integers(2)]
    draw.rectangle((left - 6, top - 3, left + width + 6, top + size * 1.25), fill=ground)
    draw.text((left, top), words, font=font, fill=ink)
    return np.asarray(layer)


def _laid_over(frame: NDArray[np.uint8], overlay: NDArray[np.uint8]) -> NDArray[np.uint8]:
    share = overlay[..., 3:].astype(np.float32) / 255
    return (frame * (1 - share) + overlay[..., :3] * share).astype(np.uint8)
