"""Draws docs/charts/composed_example.jpg: frames of one composed video, of photographs that come with scikit-image."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from skimage import data

from retrieval.training.composed.camera import FRAME_RATE, frames_of
from retrieval.training.composed.parts import Move, Shot

__all__ = ["main"]

OUT: Final = Path(__file__).parent.parent / "docs" / "charts" / "composed_example.jpg"
SECONDS: Final = 3
SHOWN: Final = (4, 14, 29)
MOVES: Final = ((data.chelsea, Move.ZOOM_IN, None), (data.coffee, Move.PAN_RIGHT, "FRESH COFFEE"))


def main() -> None:
    """Three frames of each of two shots, one row a shot."""
    rows = []
    for number, (photograph, move, words) in enumerate(MOVES):
        path = OUT.with_name(f"{photograph.__name__}.png")
        Image.fromarray(photograph()).save(path)
        frames = list(frames_of(Shot(path, ("",), move, words, False, number), SECONDS))
        path.unlink()
        rows.append(np.concatenate([frames[min(shown, SECONDS * FRAME_RATE - 1)] for shown in SHOWN], axis=1))
    Image.fromarray(np.concatenate(rows)).save(OUT, quality=80)


if __name__ == "__main__":
    main()
