"""Heat for the classes of classifiers: heads on features, and transformers from pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.errors import ModelError, QueryError
from retrieval.experts.appearance import Appearance
from retrieval.search.why import explain_class
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


def left_of(heat: np.ndarray) -> float:
    half = heat.shape[1] / 2
    return float((heat * np.clip(half - np.arange(heat.shape[1]), 0, 1)).sum() / heat.sum())


def test_of_a_head_the_heat_is_where_its_class_is(both: Path, tmp_path: Path) -> None:
    """A head of two of the embedded classifier's own rows: what they look at is known."""
    from safetensors.numpy import save

    from retrieval.models.classifier_files import HeadWeights
    from retrieval.models.picture_tower import read_classifier
    from tests_support import write_classifier  # noqa: F401


def test_names_above_the_classes_are_explained_too(both: Path) -> None:
    cat = explain_class(both, "Cheetah", "imagenet")
    assert left_of(cat.heat) > 0.5
    assert cat.source == "imagenet"
    assert ask_classifier("dog", "imagenet").source == "imagenet"
