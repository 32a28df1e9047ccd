"""Heat for the classes of classifiers: heads on features, and transformers from pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from safetensors.torch import save_file

from retrieval.errors import ModelError, QueryError
from retrieval.models.classifier_files import read_classifier as read_trained
from retrieval.models.named import build_model, config_of
from retrieval.models.picture_tower import read_classifier
from retrieval.models.rollout import class_heat
from retrieval.search.why import explain_class, explain_tag
from retrieval.search.why_classifier import ask_classifier
from ui.command_line import main
from ui.sample_media import sample_media

CHEETAH, ESPRESSO = 293, 967


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cheetah on the left, a cup of coffee on the right."""
    whole = Image.new("RGB", (448, 224))
    for place, name in enumerate(("cheetah.jpg", "coffee.png")):
        (path,) = [path for path in sample_media()[0] if path.name == name]
        whole.paste(Image.open(path).convert("RGB").resize((224, 224)), (224 * place, 0))
    path = tmp_path_factory.mktemp("pictures") / "both.png"
    whole.save(path)
    return path


def share_left(heat: NDArray[np.float32]) -> float:
    """Of the heat, on the left half: the middle one of an odd number of columns counts for both."""
    columns, middle = heat.sum(axis=0), heat.shape[1] // 2
    return float((columns[:middle].sum() + columns[middle] / 2 * (len(columns) % 2)) / columns.sum())


def test_of_a_head_the_heat_is_where_its_class_is(both: Path, write_head: Callable[..., Path]) -> None:
    rows, _ = read_classifier()
    head = write_head(weights=rows[[CHEETAH, ESPRESSO]], classes=["fast_cat", "coffee"])
    cat, coffee = (explain_class(both, label, str(head)) for label in ("Fast cat", "coffee"))
    assert share_left(coffee.heat) < 0.5 < share_left(cat.heat)
    assert cat.source == "colours"
    assert cat.score + coffee.score == pytest.approx(1, abs=1e-4)


def test_imagenets_classes_have_all_their_names(both: Path) -> None:
    cat = explain_class(both, "Cheetah", "imagenet")
    assert share_left(cat.heat) > 0.5
    assert explain_class(both, "animal", "imagenet").score > cat.score  # all animals together


@pytest.fixture(scope="module")
def garage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A motorcycle on the left, a flower on the right."""
    whole = Image.new("RGB", (448, 224))
    for place, name in enumerate(("motorcycle_left.png", "flower.jpg")):
        (path,) = [path for path in sample_media()[0] if path.name == name]
        whole.paste(Image.open(path).convert("RGB").resize((224, 224)), (224 * place, 0))
    path = tmp_path_factory.mktemp("pictures") / "garage.png"
    whole.save(path)
    return path


@pytest.mark.parametrize("tagger", ["photo", "photo-all"])
def test_labels_of_the_photo_vocabulary_are_explained(garage: Path, tmp_path: Path, tagger: str) -> None:
    mirrored = tmp_path / "mirrored.png"
    ImageOps.mirror(Image.open(garage)).save(mirrored)
    motorcycle, other_way = (explain_class(path, "Motorcycle", tagger) for path in (garage, mirrored))
    assert share_left(other_way.heat) < 0.4 < 0.6 < share_left(motorcycle.heat)
    assert motorcycle.source == tagger
    pixels = np.asarray(Image.open(garage).resize((224, 224)))
    assert motorcycle.score == pytest.approx(
        float(ask_classifier("motorcycle", tagger).scores(pixels[None])[0]), abs=0.1
    )


def test_a_tag_is_explained_by_what_gave_it(both: Path) -> None:
    assert explain_tag(both, "dog", "photo").source == "photo"
    assert explain_tag(both, "dog", "imagenet").source == "imagenet"
    assert explain_tag(both, "cup", "labels/kitchen/starter").source == "starter"
    with pytest.raises(QueryError, match="tag of your classifier 'roses'; give its folder: --classifier FOLDER"):
        explain_tag(both, "tulip", "classifier/roses")


def test_of_a_transformer_it_is_the_heat_of_its_attention(tmp_path: Path, colour_model: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (90, 60), (220, 30, 30)).save(path)
    found = explain_class(path, "red", str(colour_model))
    assert (found.source, found.heat.shape) == ("colours", (8, 8))
    assert found.score > 0.9
    assert found.heat.min() >= 0
    assert found.heat.any()
    pixels = torch.full((3, 32, 32), 30 / 255)
    pixels[0] = 220 / 255
    classifier = read_trained(colour_model)
    assert classifier.picture_input is not None
    wanted = class_heat(classifier.model(), classifier.picture_input.normalise(pixels[None])[0], [0])  # type: ignore[arg-type]
    np.testing.assert_allclose(found.heat, wanted, atol=1e-5)


def test_weights_in_a_file_have_imagenets_names(both: Path, tmp_path: Path) -> None:
    with torch.random.fork_rng():
        save_file(dict(build_model(config_of("vit_mini", classes=1000)).state_dict()), tmp_path / "w.safetensors")
    name = f"vit_mini={tmp_path / 'w.safetensors'}"
    dog, retriever = (explain_class(both, label, name) for label in ("dog", "golden_retriever"))
    assert (dog.source, dog.heat.shape) == ("vit_mini", (8, 8))
    assert 0 < retriever.score < dog.score < 1


def test_the_command_draws_it_over_the_whole_picture(
    tmp_path: Path, colour_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "red.png", tmp_path / "why.png"
    Image.new("RGB", (90, 60), (220, 30, 30)).save(path)
    assert main(["why", str(path), "red", "--classifier", str(colour_model), "--out", str(out)]) == 0
    assert f"{out}: what speaks for 'red', as colours sees it, is bright." in capsys.readouterr().out
    with Image.open(out) as drawn:
        assert drawn.size == (90, 60)


@pytest.mark.parametrize(
    ("label", "classifier", "told"),
    [
        ("rad", "HEAD", "colours has no class 'rad'; did you mean red?"),
        ("aeroplane", "HEAD", "colours has no class 'aeroplane'; it knows red, blue"),
        ("golden retreiver", "imagenet", "imagenet has no class 'golden retreiver'; did you mean Golden Retriever or"),
        ("", "imagenet", "imagenet has no class ''; it knows tench, .* more"),
        ("dgo", "photo", "photo has no class 'dgo'; did you mean dog?"),
    ],
)
def test_a_class_that_there_is_not(write_head: Callable[..., Path], label: str, classifier: str, told: str) -> None:
    with pytest.raises(QueryError, match=told):
        ask_classifier(label, str(write_head()) if classifier == "HEAD" else classifier)


def test_a_head_on_other_features_is_refused(write_head: Callable[..., Path]) -> None:
    head = write_head(features={"expert": "appearance", "version": "older"})
    with pytest.raises(ModelError, match="colours reads features of appearance older"):
        ask_classifier("red", str(head))
