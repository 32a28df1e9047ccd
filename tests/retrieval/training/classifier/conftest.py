"""Pictures of one colour each with grain, in a folder for each class, and sets of them that need no decoding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.training.classifier.picture_set import PictureSet

COLOURS = {"blue": (40, 70, 220), "green": (30, 160, 60), "red": (220, 30, 30)}
WriteClasses = Callable[..., Path]


def grainy(colour: str, number: int, side: int) -> NDArray[np.uint8]:
    """A picture [side, side, 3] of a colour."""
    grain = np.random.default_rng([number, *COLOURS[colour]]).normal(0, 30, (side, side, 3))
    return np.clip(np.array(COLOURS[colour]) + grain, 0, 255).astype(np.uint8)


@pytest.fixture
def write_classes(tmp_path: Path) -> WriteClasses:
    """Writes a folder with a folder for each colour: count a class, name → the folder."""

    def write(count: int = 6, name: str = "data", side: int = 24) -> Path:
        for colour in COLOURS:
            folder = tmp_path / name / colour
            folder.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(grainy(colour, number, side)).save(folder / f"{number}.png")
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def pictures() -> PictureSet:
    """24 pictures of 16 x 16, of three classes."""
    every = [grainy(colour, number, 16) for colour in COLOURS for number in range(8)]
    return PictureSet.whole(np.stack(every), np.repeat(np.arange(3), 8), tuple(COLOURS))
