"""What every expert offers.

An expert turns decoded media into features over time (Gabeur et al. 2020, "Multi-modal Transformer for
Video Retrieval"). What it gives is kept, so that later heads, taggers and transformers never decode again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from retrieval.types import Float32Array, PictureForm

__all__ = ["Expert", "FrameExpert", "FrameOutput", "Rows"]

Rows = Mapping[str, Float32Array]
"""What experts say of the same n segments, ``[n, d]`` float32 under each name: what a space embeds them from."""


@runtime_checkable
class Expert(Protocol):
    """A name and a version under which its features are kept; how it is called is the expert's own."""

    @property
    def name(self) -> str:
        """Such as ``appearance``; spaces name the experts that they need by it."""

    @property
    def version(self) -> str:
        """Changes whenever the same input would give other features. Known without loading the model."""

    @property
    def dim(self) -> int:
        """Width of a feature."""

    def encode(self, inputs: Any, /) -> Any:
        """Features of a batch of decoded media, in the order given."""


class FrameOutput(Protocol):
    """What an expert of frames says of n of them."""

    def __len__(self) -> int: ...

    @property
    def rows(self) -> Rows:
        """By name, for spaces."""

    def tracks(self) -> Mapping[str, NDArray[np.float16]]:
        """What is kept, ``[n, d]`` under each name; the features themselves under the expert's own."""


@runtime_checkable
class FrameExpert(Expert, Protocol):
    """An expert of pictures and of frames of video."""

    @property
    def form(self) -> PictureForm | None:
        """How it wants its pictures; None: squashed to the square that settings name."""

    def load(self) -> None:
        """Load the model now, where the first :meth:`encode` would wait for it.

        Raises:
            ModelError: it can't be had or used.
        """

    def encode(self, pixels: NDArray[np.uint8], /) -> FrameOutput:
        """What it says of ``pixels`` ``[n, height, width, 3]`` RGB; n may be 0."""

    def recall(self, features: Float32Array, /) -> FrameOutput:
        """What :meth:`encode` gave, from the ``features`` ``[n, d]`` of a kept track: no picture is opened."""
