"""What the weights of `mmt/starter` learned: order, speech and signs. Weights drawn by chance fail here.

For frames stands what the picture space makes of sentences about them, so that no photograph is needed: what is held is
how the model weighs and orders what experts say, not what it sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from retrieval.models.mmt_folder import read_mmt_folder
from retrieval.models.mmt_inference import TextSide, VideoSide
from retrieval.models.mmt_inputs import Window
from retrieval.models.sentence_encoder import TokenEncoder
from retrieval.spaces.mmt import MMT_STARTER
from retrieval.training.mmt.pictures import StarterPictures
from retrieval.types import FeatureTrack, Float32Array

SCENES = (
    "a dog runs across the grass",
    "a man rides a bike down a road",
    "children play in a fountain",
    "a woman stands in front of a building",
    "a surfer rides a large wave",
    "people sit at a table in a restaurant",
    "a climber hangs from a cliff",
    "a boy jumps into a swimming pool",
)
SENTENCES = (
    "the shop closes tomorrow morning",
    "call the plumber about the kitchen",
    "our train leaves from platform nine",
    "the weather will be cold and windy",
    "please water the plants in the garden",
    "the concert starts at eight",
)
SIGNS = ("golden hotel", "emergency exit", "fresh coffee", "city library", "no parking", "summer festival")


class Starter:
    """The shipped model, over tracks that the tests make up."""

    def __init__(self) -> None:
        folder = read_mmt_folder(MMT_STARTER)
        self._pictures, self._encoder = StarterPictures(), TokenEncoder.load()
        self._videos = VideoSide(folder.config, folder.weights())
        self._texts = TextSide(folder.config, folder.weights(), self._pictures.texts)

    def sentences(self, texts: Sequence[str]) -> Float32Array:
        return self._encoder.encode(texts).sentences

    def window(self, scenes: Sequence[str], **words: str) -> Window:
        """Three seconds of each scene; ``words`` by expert, said or shown in the first three."""
        seen = self._pictures.texts(self.sentences(scenes)).repeat(3, axis=0)
        starts = np.arange(len(seen), dtype=np.float32)
        tracks = {"appearance": FeatureTrack(np.stack([starts, starts + 1], axis=1), seen.astype(np.float16))}
        span = np.array([[0, 3]], np.float32)
        tracks |= {name: FeatureTrack(span, self.sentences([text])) for name, text in words.items()}
        return self._pictures.window(Window(tracks))

    def scores(self, texts: Sequence[str], windows: Sequence[Window]) -> Float32Array:
        """``[texts, windows]``."""
        encoded = self._encoder.encode(texts)
        queries = self._texts.embed(encoded.tokens, self._pictures.texts(encoded.sentences)).joined()
        return np.asarray(queries @ self._videos.embed(windows).T)


@pytest.fixture(scope="module")
def starter() -> Starter:
    return Starter()


@pytest.mark.parametrize("phrase", ["{}, then {}", "{}. Then {}", "{}, followed by {}"])
def test_a_then_b_is_nearer_to_that_order_than_to_its_reverse(starter: Starter, phrase: str) -> None:
    pairs = list(combinations(SCENES, 2))
    texts = [phrase.format(*pair) for pair in pairs]
    there, back = ([starter.window(pair[::step]) for pair in pairs] for step in (1, -1))
    right = np.diag(starter.scores(texts, there)) > np.diag(starter.scores(texts, back))
    assert right.mean() >= 0.85


@pytest.mark.parametrize(
    ("expert", "phrase", "told"),
    [("speech", "someone says: {}, while {}", SENTENCES), ("ocr", '{1} with the words "{0}" on the screen', SIGNS)],
)
def test_what_is_said_and_written_is_found_among_the_same_sights(
    starter: Starter, expert: str, phrase: str, told: Sequence[str]
) -> None:
    (scene, *_) = SCENES
    windows = [starter.window([scene], **{expert: text}) for text in told]
    scores = starter.scores([phrase.format(text, scene) for text in told], windows)
    assert (scores.argmax(axis=1) == np.arange(len(told))).mean() >= 0.8


def test_a_single_scene_is_found_as_its_frames_would_be(starter: Starter) -> None:
    scores = starter.scores(SCENES, [starter.window([scene]) for scene in SCENES])
    assert (scores.argmax(axis=1) == np.arange(len(SCENES))).all()
