"""EfficientNet-Lite0 up to its pooling: what it sees at each place of a picture."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.models.efficientnet_lite import efficientnet_lite0, fold_batch_norms
from retrieval.models.onnx_session import OnnxModel, kept_graph, usable_cores
from retrieval.models.picture_tower import read_weights
from retrieval.types import Float32Array

__all__ = ["FeatureMapTower", "load_feature_maps"]


class FeatureMapTower:
    """Pixels [n, 224, 224, 3] uint8 RGB to maps [n, 1280, 7, 7]; their means over places are the tower's features."""

    def __init__(self, published: dict[str, NDArray[Any]] | None = None) -> None:
        """``published`` is what :func:`read_weights` gives, which is read where it is None.

        Raises:
            WeightsError: the weights are not installed, or differ from the published ones.
        """
        weights = fold_batch_norms(efficientnet_lite0(), published or read_weights())
        convolutions = {name: array for name, array in weights.items() if not name.startswith("fc.")}
        self._model = OnnxModel(kept_graph("efficientnet_lite0_map"), convolutions, threads=usable_cores())

    def __call__(self, pixels: NDArray[np.uint8]) -> Float32Array:
        (maps,) = self._model.run(pixels=pixels)
        return maps


@cache
def load_feature_maps() -> FeatureMapTower:
    """The tower with the packaged weights; loaded once, and kept for the next question.

    Raises:
        WeightsError: the weights are not installed, or differ from the published ones.
    """
    return FeatureMapTower()
