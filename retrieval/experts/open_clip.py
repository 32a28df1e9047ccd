"""The picture tower of a model of open_clip, as an expert: its vectors are kept, so that nothing is decoded twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.expert import Rows
from retrieval.models.clip.names import FAMILY
from retrieval.models.clip.towers import ClipModel
from retrieval.types import Float32Array, PictureForm

__all__ = ["ClipPictures", "PictureVectors"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PictureVectors:
    """Vectors ``[n, d]`` of n pictures, under the expert's name."""

    name: str
    features: Float32Array

    def __len__(self) -> int:
        return len(self.features)

    @property
    def rows(self) -> Rows:
        """For spaces."""
        return {self.name: self.features}

    def tracks(self) -> dict[str, NDArray[np.float16]]:
        """What is kept."""
        return {self.name: self.features.astype(np.float16)}

    def __repr__(self) -> str:
        return f"PictureVectors(name={self.name!r}, features={self.features.shape})"


class ClipPictures:
    """The expert of one model with one set of weights; the version, not the name, tells the weights."""

    def __init__(self, model: ClipModel) -> None:
        self._model = model
        self.name = f"{FAMILY}/{model.name.model}"

    @property
    def version(self) -> str:
        """A digest of weights, architecture, preprocessing and form."""
        return self._model.facts.version(self._model.name.form)

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._model.facts.dim

    @property
    def form(self) -> PictureForm:
        """As the model was trained."""
        return self._model.facts.preprocessing.form

    def load(self) -> None:
        """Load the picture tower now.

        Raises:
            ModelError: the weights can't be had or used.
        """
        self._model.load_pictures()

    def encode(self, pixels: NDArray[np.uint8]) -> PictureVectors:
        """Vectors of ``pixels`` ``[n, height, width, 3]`` RGB; n may be 0.

        Raises:
            ValueError: the pixels have another shape or type.
            ModelError: the weights can't be had or used.
        """
        expected = (self.form.height, self.form.width, 3)
        if pixels.shape[1:] != expected or pixels.dtype != np.uint8:
            raise ValueError(
                f"pixels must be [n, {expected[0]}, {expected[1]}, 3] uint8, got {pixels.shape} {pixels.dtype}"
            )
        return PictureVectors(self.name, self._model.embed_pictures(pixels))

    def recall(self, features: Float32Array) -> PictureVectors:
        """What :meth:`encode` gave, from kept ``features`` ``[n, d]``."""
        return PictureVectors(self.name, features)
