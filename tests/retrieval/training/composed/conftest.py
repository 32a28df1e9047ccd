"""Photographs of one colour each, and sounds of one tone each, in folders of the test's own."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from retrieval.evaluation.captions import CaptionedItem
from retrieval.training.composed.film import write_sound
from retrieval.training.composed.parts import Move, NamedSound, Shot
from retrieval.training.composed.sounds import SAMPLE_RATE


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> list[CaptionedItem]:
    """Sixty, each another texture."""
    folder = tmp_path_factory.mktemp("photographs")
    items = []
    for number in range(60):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3)).astype(np.uint8))
        path = folder / f"{number}.png"
        coarse.resize((160, 120), Image.Resampling.BICUBIC).save(path)
        items.append(CaptionedItem(path, None, (f"Picture number {number} .", f"A long look at the picture {number}")))
    return items


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> list[NamedSound]:
    """Three tones, in a folder with a table of their names."""
    folder = tmp_path_factory.mktemp("sounds")
    rows = ["file,subject,verb,participle,is_held_out"]
    named = []
    for number, name in enumerate(("bell", "horn", "pipe")):
        time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        write_sound((0.3 * np.sin(2 * np.pi * (300 + 400 * number) * time)).astype(np.float32), folder / f"{name}.wav")
        rows.append(f"{name}.wav,a {name},sounds,sounding,{'yes' if name == 'pipe' else ''}")
        named.append(NamedSound(folder / f"{name}.wav", f"a {name}", "sounds", "sounding"))
    (folder / "sounds.csv").write_text("\n".join(rows) + "\n")
    return named


@pytest.fixture
def shot(photographs: list[CaptionedItem]) -> Shot:
    """The first photograph, held still, without words."""
    return Shot(photographs[0].path, photographs[0].captions, Move.HOLD, None, False, 1)


def decoded(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames ``[240, 320, 3]``, and the sound [n]."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return frames, np.zeros(0, np.float32)
        parts = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
    return frames, np.concatenate(parts)
