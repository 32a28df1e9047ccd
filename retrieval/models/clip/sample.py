"""Inputs on which two forms of a model are held against each other: pictures much as photographs are, and texts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["sample_pictures", "sample_texts"]

_COUNT: Final = 16
_TEXTS: Final = (
    "a dog",
    "a photo of a cat.",
    "two children play football on a beach in the evening light",
    "CAPITALS, punctuation: and (brackets)!",
    "the number 1984 on a red door",
    "une fille devant la mer",
    "",
    " ".join(["a long list of things that are seen in the streets of an old town"] * 8),
)


def sample_texts() -> list[str]:
    """Short, long, empty, and odd."""
    return list(_TEXTS)


def sample_pictures(height: int, width: int, count: int = _COUNT) -> NDArray[np.uint8]:
    """``[count, height, width, 3]`` RGB, the same each time.

    Coloured noise whose power falls with frequency as a photograph's does (Field 1987), behind an edge or two.
    """
    generator = np.random.default_rng(0)
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    falling = 1 / np.maximum(np.hypot(rows, columns), 1 / max(height, width))
    pictures = np.empty((count, height, width, 3), np.uint8)
    for picture in pictures:
        phases = np.fft.fft2(generator.standard_normal((3, height, width)))
        channels = np.fft.ifft2(phases * falling).real
        channels = channels[0] + 0.5 * channels  # channels of a photograph go together
        channels /= channels.std()
        light, contrast = generator.uniform(60, 190, (3, 1, 1)), generator.uniform(20, 60)
        top, left = int(generator.integers(height)), int(generator.integers(width))
        channels[:, top : top + height // 2, left : left + width // 2] += generator.normal(0, 1.5, (3, 1, 1))
        picture[:] = np.clip(light + contrast * channels, 0, 255).transpose(1, 2, 0).astype(np.uint8)
    return pictures
