"""Training on a small made world: pictures of few classes, sentences that tell of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from retrieval.spaces.heads import unit
from retrieval.training.contrastive import ContrastiveConfig, train_contrastive
from retrieval.training.contrastive_data import Captions, Names, Pictures
from retrieval.training.names import WordGroup, load_words
from retrieval.training.prototypes import Classifier, make_prototypes
from retrieval.types import Float32Array

World = tuple[Pictures, Captions, Names]
Embedded = tuple[Float32Array, Float32Array]

KINDS, A_KIND, NAMED = 12, 10, 50


@pytest.fixture(scope="module")
def world() -> World:
    """120 pictures of 12 kinds; a sentence vector is a fixed turn of its kind, with noise."""
    rng = np.random.default_rng(0)
    kinds, turns = rng.uniform(0, 2, (KINDS, 1280)), rng.normal(size=(KINDS, 384))
    owners = np.tile(np.arange(KINDS), A_KIND)
    features = np.abs(kinds[owners] + 0.2 * rng.normal(size=(len(owners), 1280))).astype(np.float32)
    classifier = Classifier(rng.normal(size=(1000, 1280)).astype(np.float32) / 20, np.zeros(1000, np.float32))
    pictures = Pictures(features[None].astype(np.float16), classifier(features)[None].astype(np.float16))
    captions = unit((turns[owners] + 0.3 * rng.normal(size=(len(owners), 384))).astype(np.float32))
    words = WordGroup(
        unit(rng.normal(size=(NAMED, 384)).astype(np.float32))[:, None], np.eye(1000, dtype=np.bool_)[:NAMED]
    )
    return pictures, Captions(captions, np.arange(len(owners))), Names(words, words, classifier)


@pytest.fixture(scope="module")
def trained(world: World, tiny_recipe: ContrastiveConfig) -> Embedded:
    """Embeddings of pictures and captions by heads that were trained once."""
    return _train(world, tiny_recipe)


def _train(world: World, recipe: ContrastiveConfig) -> Embedded:
    pictures, captions, names = world
    heads = train_contrastive(pictures, captions, names, recipe, lambda what, done: None)
    shown = heads.embed_pictures(pictures.features[0].astype(np.float32), pictures.logits[0].astype(np.float32))
    return shown, heads.embed_texts(captions.vectors)


def test_sentences_find_pictures_of_their_kind(trained: Embedded) -> None:
    pictures, texts = trained
    first = (texts @ pictures.T).argmax(axis=1)
    assert np.mean(first % KINDS == np.arange(len(texts)) % KINDS) > 0.9


def test_the_same_seed_gives_the_same_heads(world: World, trained: Embedded, tiny_recipe: ContrastiveConfig) -> None:
    np.testing.assert_allclose(_train(world, tiny_recipe)[1], trained[1], atol=1e-4)


def test_another_seed_gives_other_heads(world: World, trained: Embedded, tiny_recipe: ContrastiveConfig) -> None:
    assert not np.allclose(_train(world, replace(tiny_recipe, seed=1))[1], trained[1], atol=1e-2)


def test_prototypes_are_what_the_classifier_takes_them_for(world: World) -> None:
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
