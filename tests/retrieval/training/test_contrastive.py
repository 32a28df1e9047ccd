"""Training on a small made world: pictures of few classes, sentences that tell of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.spaces.heads import unit
from retrieval.training.contrastive import ContrastiveConfig, train_contrastive
from retrieval.training.contrastive_data import Captions, Names, Pictures
from retrieval.training.kernel_cca import KernelConfig
from retrieval.training.names import WordGroup, load_words
from retrieval.training.prototypes import Classifier, make_prototypes

CONFIG = ContrastiveConfig(
    dim=16, picture_hidden=16, text_hidden=16, epochs=5, batch=60, named=40, prototypes=1, words_a_step=20,
    kernel=KernelConfig(dim=16, picture_landmarks=60, text_landmarks=60),
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> tuple[Pictures, Captions, Names]:
    """120 pictures of 12 kinds; a sentence vector is a fixed turn of its kind, with noise."""
    rng = np.random.default_rng(0)
    kinds, turns = rng.uniform(0, 2, (12, 1280)), rng.normal(size=(12, 384))
    owners = np.tile(np.arange(12), 10)
    features = np.abs(kinds[owners] + 0.2 * rng.normal(size=(120, 1280))).astype(np.float32)
    classifier = Classifier(rng.normal(size=(1000, 1280)).astype(np.float32) / 20, np.zeros(1000, np.float32))
    pictures = Pictures(features[None].astype(np.float16), classifier(features)[None].astype(np.float16))
    captions = unit((turns[owners] + 0.3 * rng.normal(size=(120, 384))).astype(np.float32))
    words = WordGroup(unit(rng.normal(size=(1000, 384)).astype(np.float32))[:, None], np.eye(1000, dtype=np.bool_))
    return pictures, Captions(captions, np.arange(120)), Names(words, words, classifier)


def _train(
    world: tuple[Pictures, Captions, Names], config: ContrastiveConfig = CONFIG
) -> tuple[np.ndarray, np.ndarray]:
    pictures, captions, names = world
    heads = train_contrastive(pictures, captions, names, config, lambda what, done: None)
    shown = heads.embed_pictures(pictures.features[0].astype(np.float32), pictures.logits[0].astype(np.float32))
    return shown, heads.embed_texts(captions.vectors)


def test_sentences_find_pictures_of_their_kind(world: tuple[Pictures, Captions, Names]) -> None:
    pictures, texts = _train(world)
    first = (texts @ pictures.T).argmax(axis=1)
    assert np.mean(first % 12 == np.arange(120) % 12) > 0.9


def test_the_same_seed_gives_the_same_heads(world: tuple[Pictures, Captions, Names]) -> None:
    short = replace(CONFIG, epochs=1)
    np.testing.assert_allclose(_train(world, short)[1], _train(world, short)[1], atol=1e-5)
    assert not np.allclose(_train(world, short)[1], _train(world, replace(short, seed=1))[1], atol=1e-2)


def test_prototypes_are_what_the_classifier_takes_them_for(world: tuple[Pictures, Captions, Names]) -> None:
    pictures, _, names = world
    rng = np.random.default_rng(0)
    features, logits = make_prototypes(pictures.features[0].astype(np.float32), names.classifier, rounds=1, rng=rng)
    np.testing.assert_allclose(names.classifier(features), logits, rtol=1e-4, atol=1e-4)
    assert len(np.unique(logits.argmax(axis=1))) == len(logits) > 100  # one round, and each its own class
    assert features.min() >= 0


def test_unseen_names_are_left_out_of_every_list() -> None:
    unseen = np.zeros(1000, np.bool_)
    unseen[207] = True  # golden retriever
    names, words = load_words(unseen)
    assert not {word for word in (*names.words, *words.words) if word.lower() == "golden retriever"}
    assert all(207 not in classes for part in (names, words) for classes in part.classes)
    assert len(load_words()[0].words) > len(names.words)
