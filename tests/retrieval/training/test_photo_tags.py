"""The fits, on made-up photographs whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.tagging.class_names import class_names
from retrieval.tagging.imagenet import NameTable
from retrieval.tagging.photo import PhotoTagger
from retrieval.training import photo_tags

DOG, ZEBRA = 207, 340


@pytest.fixture
def photographs() -> tuple[np.ndarray, list[list[str]]]:
    """400 photographs, half of which have a dog; the first feature tells, with noise."""
    rng = np.random.default_rng(0)
    has_dog = np.arange(400) % 2 == 0
    features = rng.normal(size=(400, 1280)).astype(np.float32)
    features[:, 0] += 8 * has_dog
    return features, [["a dog in the snow" if dog else "a cold street"] for dog in has_dog]


def test_heads_find_what_tells_and_say_how_sure_they_are(
    tmp_path: Path, photographs: tuple[np.ndarray, list[list[str]]]
) -> None:
    features, captions = photographs
    path = tmp_path / "photo.safetensors"
    photo_tags.write_photo_labels(features, captions, path)
    card = json.loads(path.with_suffix(".json").read_text())
    assert {"dog", "snow", "street"} <= {entry["label"] for entry in card["labels"] if entry["shown"]}
    tagger = PhotoTagger(path=path)
    column = tagger.labels.index("dog")
    said = tagger.chances(features)[:, column] > 0
    assert (said == (np.arange(400) % 2 == 0)).mean() > 0.95


def test_held_out_chances_are_calibrated() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(3000, 1280)).astype(np.float32)
    truth = rng.random(3000) < 1 / (1 + np.exp(-3 * features[:, 0]))
    chances = photo_tags.fit_heads(features, truth[:, None]).held_out[:, 0]
    for low, high in ((0.1, 0.4), (0.4, 0.7), (0.7, 1.0)):
        within = (chances >= low) & (chances < high)
        assert truth[within].mean() == pytest.approx(chances[within].mean(), abs=0.1)


def test_tags_that_are_shown_are_as_sure_as_they_are_right_though_captions_leave_things_out() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(6000, 1280)).astype(np.float32)
    features[:, 0] += 6 * (rng.random(6000) < 0.3)
    truth = rng.random(6000) < np.where(
        features[:, 0] > 3, 0.85, 0.02
    )  # however clear a thing is, few captions name it
    chances = photo_tags.fit_heads(features, truth[:, None]).held_out[:, 0]
    shown = chances >= photo_tags.THRESHOLD
    assert shown.sum() > 500
    assert chances[shown].mean() == pytest.approx(truth[shown].mean(), abs=0.02)


def test_a_name_that_is_often_wrong_is_less_sure() -> None:
    shares = np.zeros((200, 1000), np.float32)
    shares[:100, DOG], shares[100:, ZEBRA] = 0.9, 0.9
    captions = [["a dog"]] * 100 + [["a horse"]] * 100
    curves = photo_tags.fit_names(shares, captions)
    assert set(curves) == set(NameTable(class_names()).names)
    assert curves["dog"][1] > curves["cat"][1] > curves["zebra"][1]


def test_the_table_of_words_is_needed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["photo_tags"])
    with pytest.raises(SystemExit, match=r"usage: python -m retrieval\.training\.photo_tags TABLE CACHE"):
        photo_tags.main()
