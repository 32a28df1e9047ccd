"""A tiny world of captioned pictures, and a recipe that takes a second on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from retrieval.experts.appearance import AppearanceOutput
from retrieval.spaces.heads import unit
from retrieval.training import captioned_pictures, judgements, starter_run
from retrieval.training.contrastive import ContrastiveConfig
from retrieval.training.joining import HubConfig
from retrieval.training.kernel_cca import KernelConfig
from retrieval.training.names import WordList, load_words
from retrieval.types import Float32Array

WriteTable = Callable[..., Path]

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 70, 220), "white": (240, 240, 240)}


@pytest.fixture(scope="session")
def tiny_recipe() -> ContrastiveConfig:
    """The shipped recipe in all but its sizes."""
    return ContrastiveConfig(
        dim=16, picture_hidden=16, text_hidden=16, epochs=3, batch=60, named=20, prototypes=1, words_a_step=20,
        kernel=KernelConfig(dim=16, picture_landmarks=60, text_landmarks=60), hubs=HubConfig(captions=20, words=5),
    )  # fmt: skip


@pytest.fixture(scope="session")
def write_table() -> WriteTable:
    """Writes pictures of one colour each and a table of their captions: folder, count, name → the table."""

    def write(folder: Path, count: int, name: str = "captions.csv", *, extra: str = "") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        rows = ["path,caption"]
        for number in range(count):
            colour = list(COLOURS)[number % len(COLOURS)]
            grain = np.random.default_rng(number).normal(0, 12, (48, 64, 3))
            pixels = np.clip(np.array(COLOURS[colour]) + grain, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}-{number}.png")
            rows += [f"{name}-{number}.png,a {colour} wall", f"{name}-{number}.png,something {colour}"]
        (folder / name).write_text("\n".join(rows) + "\n" + extra, "utf-8")
        return folder / name

    return write


class QuickEncoder:
    """Stands for the text tower: the sum of a fixed random vector for each word."""

    @classmethod
    def load(cls) -> QuickEncoder:
        return cls()

    def encode(self, texts: Sequence[str]) -> Float32Array:
        return unit(np.stack([sum((_vector_of(word) for word in text.lower().split()), _NOTHING) for text in texts]))


class QuickAppearance:
    """Stands for the picture tower: a fixed random projection of nine places of the picture."""

    version = "quick"
    dim = 1280

    def encode(self, pixels: NDArray[np.uint8]) -> AppearanceOutput:
        seen = pixels[:, 16::80, 16::80].reshape(len(pixels), -1).astype(np.float32) / 255
        turned = np.abs(seen @ np.random.default_rng(0).normal(size=(seen.shape[1], 2280)).astype(np.float32))
        return AppearanceOutput(turned[:, :1280], turned[:, 1280:])


_NOTHING = np.zeros(384, np.float32)


@cache
def _vector_of(word: str) -> Float32Array:
    return np.random.default_rng(sum(word.encode())).normal(size=384).astype(np.float32)


@pytest.fixture(scope="session")
def quick_towers() -> Iterator[None]:
    """Towers that cost nothing, and a short list of words, in place of the true ones."""
    names, words = load_words()
    short = WordList(names.words[:40], names.classes[:40]), WordList(words.words[:40], words.classes[:40])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(captioned_pictures, "SentenceEncoder", QuickEncoder)
        patch.setattr(captioned_pictures, "Appearance", QuickAppearance)
        patch.setattr(starter_run, "load_words", lambda unseen: short)
        patch.setattr(judgements, "load_words", lambda: short)
        patch.setattr(judgements, "_TEXTS", 30)
        patch.setattr(starter_run, "_MADE", 1)
        yield
