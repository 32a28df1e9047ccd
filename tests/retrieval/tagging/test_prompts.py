from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from retrieval.tagging.prompts import class_vectors
from retrieval.tagging.templates import TEMPLATES
from retrieval.types import Float32Array

AXES = {"red": 0, "green": 1, "blue": 2}


class ColourSpace:
    """A text is the sum of its colours."""

    dim = 3

    def embed_text(self, texts: Sequence[str]) -> Float32Array:
        vectors = np.zeros((len(texts), 3), np.float32)
        for row, text in enumerate(texts):
            for word in text.rstrip(".").split():
                if word in AXES:
                    vectors[row, AXES[word]] += 1
        return vectors


def test_classes_are_means_over_the_template_ensemble() -> None:
    vectors = class_vectors(ColourSpace(), ["red", "green", "{odd}"] + ["blue"] * 10)  # type: ignore[arg-type]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0] + [1] * 10, atol=1e-6)
    np.testing.assert_allclose(vectors[1], [0, 1, 0], atol=1e-6)


def test_the_ensemble_is_clips() -> None:
    assert len(set(TEMPLATES)) == 80
    assert all(template.count("{}") == 1 for template in TEMPLATES)
    assert {"a photo of a {}.", "itap of the {}.", "a {} in a video game."} <= set(TEMPLATES)


def test_wordings_of_a_label_are_averaged() -> None:
    (vector,) = class_vectors(ColourSpace(), [("red", "green")], ["{}"])  # type: ignore[arg-type]
    np.testing.assert_allclose(vector, np.array([1, 1, 0]) / 2**0.5, atol=1e-6)
