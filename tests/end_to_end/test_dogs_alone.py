"""A library of dogs alone: "a dog" is answered and "a submarine" is not, however many dogs there are.

The dogs are made features: of the sample pictures, moved to the classes of dogs by the classifier's own rows, and
mixtures of these.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from retrieval.experts.appearance import Appearance
from retrieval.models.picture_tower import read_classifier
from retrieval.search.chances import JUDGED, TextChances
from retrieval.spaces.starter import StarterSpace
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.types import Float32Array
from ui.sample_media import sample_media

DOGS = slice(151, 269)  # of ImageNet's classes: from Chihuahua to Mexican hairless


@pytest.fixture(scope="module")
def space() -> StarterSpace:
    return StarterSpace()


@pytest.fixture(scope="module")
def made_dogs() -> Float32Array:
    """Features [k, 1280], at least one of each of nearly all breeds."""
    pictures = [path for path in sorted(sample_media()[0]) if path.suffix in {".jpg", ".png"}]
    squares = [np.asarray(Image.open(path).convert("RGB").resize((224, 224)), np.uint8) for path in pictures]
    rng = np.random.default_rng(0)
    classifier = Classifier(*read_classifier())
    features, logits = make_prototypes(Appearance().encode(np.stack(squares)).features, classifier, rounds=1, rng=rng)
    classes = logits.argmax(axis=1)
    return features[(classes >= DOGS.start) & (classes < DOGS.stop)]


def _library(space: StarterSpace, dogs: Float32Array, count: int) -> Float32Array:
    """Vectors [count, d]."""
    rng = np.random.default_rng(1)
    pairs, share = dogs[rng.integers(len(dogs), size=(2, count))], rng.random((count, 1), np.float32)
    features = pairs[0] * share + pairs[1] * (1 - share)
    return space.embed_segments(Appearance().recall(features).rows)


def _fits(space: StarterSpace, library: Float32Array, text: str) -> bool:
    query = space.embed_text([text])[0]
    scores = library @ query
    best = np.argsort(-scores)[:JUDGED]
    chances = TextChances(space, query, len(library), sample=library[:2000])
    return bool(chances.of(scores[best], library[best]).max() >= chances.fits_from)


@pytest.mark.parametrize("count", [15, 15_000])
def test_a_dog_is_found_and_a_submarine_is_not(space: StarterSpace, made_dogs: Float32Array, count: int) -> None:
    library = _library(space, made_dogs, count)
    asked = ["a dog", "dog", "a photo of a dog", "a submarine", "submarine", "a photo of a submarine"]
    assert [_fits(space, library, text) for text in asked] == [True] * 3 + [False] * 3
