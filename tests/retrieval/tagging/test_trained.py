from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from retrieval.errors import ModelError
from retrieval.experts.appearance import Appearance
from retrieval.tagging.trained import TrainedTagger
from retrieval.types import Float32Array


@dataclass(frozen=True)
class Head:
    """Its logits are the first features."""

    name: str = "garden"
    classes: tuple[str, ...] = ("rose", "tulip")
    sha256: str = "0" * 64
    features_expert: tuple[str, str] | None = (Appearance.name, Appearance.version)

    def logits(self, features: Float32Array) -> Float32Array:
        return features[:, :2]


def test_the_sure_class_is_said_and_nothing_where_none_is() -> None:
    tagger = TrainedTagger(Head())
    rows = np.zeros((3, 1280), np.float32)
    rows[0, 0], rows[1, 1], rows[2, 0] = 5, 5, 0.5
    chances = tagger.chances(rows)
    assert (chances > 0).tolist() == [[True, False], [False, True], [False, False]]
    assert (tagger.name, tagger.labels) == ("classifier/garden", ("rose", "tulip"))


def test_other_weights_or_names_are_another_version() -> None:
    versions = {TrainedTagger(head).version for head in (Head(), Head(sha256="1" * 64), Head(classes=("a", "b")))}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("expert", "told"),
    [
        (None, "reads pixels"),
        (("motion", "1"), "reads motion"),
        (("appearance", "older"), "reads features of appearance older, this vidi has .*; train it again"),
    ],
)
def test_one_that_reads_something_else_is_told(expert: tuple[str, str] | None, told: str) -> None:
    with pytest.raises(ModelError, match=told):
        TrainedTagger(Head(features_expert=expert))
