"""Windows, texts and small models that the tests of MMT share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.models.bert import BertConfig
from retrieval.models.mmt_config import BertText, FrameTerm, MmtConfig, TokenText, mmt_small
from retrieval.models.mmt_inputs import TextBatch, VideoBatch, Window, prepare_texts, prepare_windows
from retrieval.types import FeatureTrack, Float32Array

DIMS = {"appearance": 12, "audio": 8, "speech": 6}
FRAME_DIM = 10


def small_config(*, frames: bool = True, **options: Any) -> MmtConfig:
    term = FrameTerm(space="starter", dim=FRAME_DIM) if frames else None
    text = TokenText(dim=24, layers=2, heads=4, feed_forward=32, most_tokens=9)
    config = mmt_small(DIMS, frames=term, width=16, layers=3, heads=4, feed_forward=40, text=text)
    return replace(config, **options)


def small_bert() -> BertText:
    bert = BertConfig(layers=2, hidden=24, heads=12, intermediate=32, vocabulary=50, most_tokens=9, positions=20)
    return BertText(bert=bert)


def noise(*shape: int, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def track(count: int, dim: int, *, seed: int = 0, start: float = 0.0) -> FeatureTrack:
    starts = np.arange(count, dtype=np.float32) + np.float32(start)
    return FeatureTrack(np.stack([starts, starts + 1], axis=1), noise(count, dim, seed=seed))


def windows(count: int = 5) -> list[Window]:
    """Of unlike lengths; ``speech`` is missing in every second one."""
    made = []
    for number in range(count):
        tracks = {
            name: track(3 + number, dim, seed=number * 10 + place) for place, (name, dim) in enumerate(DIMS.items())
        }
        if number % 2:
            del tracks["speech"]
        made.append(Window(tracks, 0.0, noise(FRAME_DIM, seed=number)))
    return made


def videos(config: MmtConfig, count: int = 5) -> VideoBatch[NDArray[Any]]:
    return prepare_windows(windows(count), config)


def texts(config: MmtConfig, count: int = 4) -> TextBatch[NDArray[Any]]:
    states = [noise(3 + number, config.text.dim, seed=number) for number in range(count)]
    return prepare_texts(states, config, noise(count, FRAME_DIM, seed=9) if config.frames else None)


def ids(config: MmtConfig, count: int = 4) -> TextBatch[NDArray[Any]]:
    generator = np.random.default_rng(4)
    return prepare_texts([generator.integers(0, 50, 4 + number) for number in range(count)], config)
