"""The photo vocabulary as a tagger: a linear head on the kept appearance features, a column a label.

The heads and their calibration were fitted on captioned photographs (retrieval/training/photo_tags.py);
weights/photo.json is their card. A label whose precision could not be shown there is off by default;
:data:`ALL_LABELS` has it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from retrieval.errors import WeightsError
from retrieval.experts.appearance import Appearance
from retrieval.models.efficientnet_lite import LITE0_WEIGHTS
from retrieval.store.tag_work import TrackSource
from retrieval.types import Float32Array

__all__ = ["ALL_LABELS", "PHOTO", "PHOTO_WEIGHTS", "PhotoTagger"]

PHOTO_WEIGHTS: Final = Path(__file__).parent / "weights" / "photo.safetensors"
PHOTO: Final = "photo"
ALL_LABELS: Final = "photo-all"


@dataclass(frozen=True, slots=True, eq=False)
class _Heads:
    """weights [1280, L]; bias [L]; ``threshold``, from which chance on a label is shown."""

    labels: tuple[str, ...]
    weights: Float32Array
    bias: Float32Array
    threshold: float


class PhotoTagger:
    """Labels of the photo vocabulary with their calibrated chance."""

    source: Final = TrackSource(Appearance.name, Appearance.dim, Appearance.version)

    def __init__(self, *, all_labels: bool = False, path: Path = PHOTO_WEIGHTS) -> None:
        """``all_labels``: also those whose precision could not be shown."""
        self.name = ALL_LABELS if all_labels else PHOTO
        self._all_labels = all_labels
        self._path = path

    @cached_property
    def version(self) -> str:
        """A digest of the tower's weights, the heads, and which labels are on."""
        parts = (LITE0_WEIGHTS.sha256.encode(), self._path.read_bytes(), repr(self.labels).encode())
        return hashlib.sha256(b"\n".join(parts)).hexdigest()[:12]

    @property
    def labels(self) -> tuple[str, ...]:
        """Those that are on."""
        return self._heads.labels

    def logits(self, rows: Float32Array) -> Float32Array:
        """The logarithm of the odds of each label ``[n, L]``, from appearance features ``[n, 1280]``."""
        return np.asarray(rows @ self._heads.weights + self._heads.bias, np.float32)

    def chances(self, rows: Float32Array) -> Float32Array:
        """``[n, L]`` from appearance features ``[n, 1280]``."""
        chances = np.asarray(1 / (1 + np.exp(-np.clip(self.logits(rows), -30, 30))), np.float32)
        chances[~(chances >= self._heads.threshold)] = 0  # a damaged row gives what is no number
        return chances

    @cached_property
    def _heads(self) -> _Heads:
        try:
            tensors = load_file(self._path)
            card: dict[str, Any] = json.loads(self._path.with_suffix(".json").read_text("utf-8"))
            on = [number for number, label in enumerate(card["labels"]) if label["shown"] or self._all_labels]
            labels = tuple(card["labels"][number]["label"] for number in on)
            weights, bias = tensors["weights"][:, on].astype(np.float32), tensors["bias"][on].astype(np.float32)
            return _Heads(labels, weights, bias, float(card["threshold"]))
        except (OSError, SafetensorError, ValueError, KeyError, IndexError) as error:
            raise WeightsError(f"the photo labels can't be read from {self._path} ({error}); reinstall vidi") from error
