"""Classifiers by name: folders, published weights, files of weights; and what says tags from pixels."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from retrieval.errors import ModelError, WeightsError
from retrieval.models import published_classifier
from retrieval.models.named import build_model, config_of
from retrieval.models.published import PUBLISHED
from retrieval.models.published_classifier import open_published
from retrieval.tagging.classifiers import find_classifier
from retrieval.tagging.pixels import OwnClassesTagger, PublishedTagger
from retrieval.tagging.registry import get_tagger

GOLDEN = 207


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights over ImageNet's classes that see golden retrievers everywhere."""
    model: Any = build_model(config_of("vit_mini", classes=1000))
    with torch.no_grad():
        model.head.bias[GOLDEN] += 20
    path = tmp_path_factory.mktemp("weights") / "retriever.safetensors"
    save_file(dict(model.state_dict()), path)
    return path


def test_weights_in_a_file_say_what_people_say(retriever: Path) -> None:
    tagger = get_tagger(f"vit_mini={retriever}")
    assert isinstance(tagger, PublishedTagger)
    assert (tagger.name, tagger.form.height) == ("vit_mini", 32)
    rows = tagger.look(np.zeros((3, 32, 32, 3), np.uint8))
    assert rows.shape == (3, 20)
    _, columns = np.nonzero(tagger.chances(rows)[:1])
    assert [tagger.labels[column] for column in columns] == ["dog", "Golden Retriever"]


def test_a_model_of_ones_own_says_its_classes(colour_model: Path) -> None:
    tagger = get_tagger(str(colour_model))
    assert isinstance(tagger, OwnClassesTagger)
    pixels = np.zeros((130, 32, 32, 3), np.uint8) + np.uint8((220, 30, 30))
    chances = tagger.chances(tagger.look(pixels))
    assert (chances[:, 0] > 0.9).all()
    assert not chances[:, 1].any()
    assert (tagger.name, tagger.labels) == ("classifier/colours", ("red", "blue"))


def test_weights_have_the_names_that_others_give_them(monkeypatch: pytest.MonkeyPatch, retriever: Path) -> None:
    asked: list[str] = []
    monkeypatch.setattr(published_classifier, "fetch_published", lambda name: asked.append(name) or retriever)
    names = ["deit_ti_in1k", "deit_tiny_patch16_224.fb_in1k", "timm/deit_tiny_patch16_224.fb_in1k"]
    found = [find_classifier(name) for name in names]
    assert asked == ["deit_ti_in1k"] * 3
    assert len({each.sha256 for each in found}) == 1
    assert {each.name for each in found} == {"deit_ti_in1k"}
    with pytest.raises(WeightsError, match="is of another model than DeiT: "):
        found[0].model()


@pytest.mark.parametrize("name", ["deit_b_in1k_384", "vit_b16", "cpvt_s"])
def test_a_file_is_read_as_its_kind_of_weights_is(name: str, retriever: Path) -> None:
    reads = open_published(f"{name}={retriever}").picture_input
    same = [entry.picture_input for key, entry in PUBLISHED.items() if key == name or entry.model == name]
    assert reads in same if same else reads.size == 224


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("deit_s_in1", "there is no classifier 'deit_s_in1': expected photo, .*; did you mean deit_s_in1k?"),
        ("resnet50", "or the name of published weights; docs/picture_models.md lists the names"),
        ("resnet50=w.pth", "no model is called 'resnet50', as resnet50=w.pth would have it; expected one of vit_mini"),
        ("deit_tt=w.pth", "no model is called 'deit_tt', as deit_tt=w.pth would have it; did you mean deit_ti=w.pth?"),
        ("deit_ti=w.pth", "w.pth can't be read: No such file or directory; give a file of weights"),
        ("./nothing", r"nothing is no trained classifier \(No such file or directory: card.json\)"),
        ("EMPTY", r"is no trained classifier \(No such file or directory: card.json\); expected a folder that"),
        ("DAMAGED", "is not the file of its card: expected sha256 .*; train the classifier again"),
        ("OLDER", "colours reads features of appearance older, this vidi has .*; train it again"),
        ("NAMELESS", r"is no card of a classifier \(ValueError: a class without a name\)"),
    ],
)
def test_what_cannot_be_used_is_a_plain_line(
    tmp_path: Path, write_head: Callable[..., Path], name: str, told: str
) -> None:
    match name:
        case "EMPTY":
            name = str(tmp_path)
        case "DAMAGED":
            damaged = write_head()
            content = (damaged / "model.safetensors").read_bytes()
            (damaged / "model.safetensors").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            name = str(damaged)
        case "OLDER":
            name = str(write_head(features={"expert": "appearance", "version": "older"}))
        case "NAMELESS":
            name = str(write_head(classes=["red", " "]))
    with pytest.raises(ModelError, match=told) as caught:
        get_tagger(name)
    assert "\n" not in str(caught.value)


def test_a_head_needs_no_torch(write_head: Callable[..., Path]) -> None:
    code = "import sys\nfrom retrieval.tagging.registry import get_tagger\nget_tagger(sys.argv[1]).version\n"
    subprocess.run([sys.executable, "-c", f"{code}assert 'torch' not in sys.modules", write_head()], check=True)
