"""A network of pictures as an expert of kept frames, as the ``appearance`` expert sees them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.open_clip import PictureVectors
from retrieval.models.picture_nets import PictureNet
from retrieval.types import Float32Array

__all__ = ["NetPictures"]


class NetPictures:
    """The expert of one network with one file of weights; the version tells both."""

    form: Final = None

    def __init__(self, name: str, version: str, net: PictureNet) -> None:
        self.name = name
        self.version = version
        self._net = net

    @property
    def dim(self) -> int:
        """Width of a feature."""
        return self._net.kind.dim

    def load(self) -> None:
        """Load the model now.

        Raises:
            WeightsError: it can't be used.
        """
        self._net.load()

    def encode(self, pixels: NDArray[np.uint8]) -> PictureVectors:
        """Features of ``pixels [n, height, width, 3]`` RGB; n may be 0.

        Raises: as :meth:`load`.
        """
        return PictureVectors(self.name, self._net(pixels))

    def recall(self, features: Float32Array) -> PictureVectors:
        """What :meth:`encode` gave, from kept ``features [n, d]``."""
        return PictureVectors(self.name, features)
