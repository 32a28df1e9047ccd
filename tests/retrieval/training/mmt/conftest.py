"""A world in which texture tells what a caption says: small models learn it in seconds, without a tower."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from retrieval.models.mmt_config import FrameTerm, MmtConfig, TokenText, mmt_small
from retrieval.models.mmt_inputs import Window
from retrieval.training.mmt.captions import CaptionStates
from retrieval.training.mmt.clips import CaptionedClip
from retrieval.training.stage_cache import StageCache
from retrieval.types import FeatureTrack

WORDS = ("red", "green", "blue", "white", "black", "brown", "pink", "grey")
DIM, FRAME = 12, 10


def texts_of(sentences: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture space's text head that knows nothing."""
    return np.ascontiguousarray(sentences[:, :FRAME] / np.linalg.norm(sentences[:, :FRAME], axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class ToyClips:
    """Two events in order; each word is a direction of the features. Half of the clips lack the second expert."""

    pairs: Sequence[tuple[int, int]]
    groups: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", np.arange(len(self.pairs), dtype=np.int64) // 2)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, number: int) -> CaptionedClip:
        first, second = self.pairs[number]
        rng = np.random.default_rng(number)
        features = rng.normal(0, 0.1, (4, DIM)).astype(np.float32)
        features[:2, first] += 1
        features[2:, second] += 1
        starts = np.arange(4, dtype=np.float32)
        track = FeatureTrack(np.stack([starts, starts + 1], axis=1), features)
        tracks = {"appearance": track} | ({"motion": track} if number % 2 else {})
        frame = features[:, :FRAME].mean(axis=0)
        window = Window(tracks, 0.0, (frame / np.linalg.norm(frame)).astype(np.float32))
        return CaptionedClip((window,), (f"{WORDS[first]}, then {WORDS[second]}",))

    def all_captions(self) -> list[str]:
        return [self[number].captions[0] for number in range(len(self))]


def toy_clips(count: int, seed: int) -> ToyClips:
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count // 2):
        first, second = rng.choice(len(WORDS), 2, replace=False).tolist()
        pairs += [(first, second), (second, first)]
    return ToyClips(pairs)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Models this small are slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def toy_config() -> MmtConfig:
    text = TokenText(layers=1, heads=4, feed_forward=64)
    frames = FrameTerm(space="starter", dim=FRAME)
    return mmt_small({"appearance": DIM, "motion": DIM}, frames=frames, width=32, layers=1, feed_forward=64, text=text)


@pytest.fixture(scope="session")
def captions(tmp_path_factory: pytest.TempPathFactory) -> CaptionStates:
    states = CaptionStates(StageCache(tmp_path_factory.mktemp("states")), lambda line: None)
    states.add([f"{first}, then {second}" for first in WORDS for second in WORDS])
    return states


@pytest.fixture
def say() -> Callable[[str], None]:
    return lambda line: None


@pytest.fixture
def lines() -> list[str]:
    return []


def write_video(path: Path, seconds: float, *, seed: int = 0, wave: NDArray[np.float32] | None = None) -> Path:
    """A texture that drifts, ten frames a second; ``seconds`` of 0.1 is one frame."""
    from retrieval.training.composed.film import write_film

    rng = np.random.default_rng(seed)
    texture = np.kron(rng.integers(0, 256, (40, 60, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    frames = (texture[20 : 20 + 240, shift : shift + 320] for shift in range(round(seconds * 10)))
    write_film(frames, wave, path)
    return path
