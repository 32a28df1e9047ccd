"""The starter as the picture space of an MMT: its frame term, and the features of its appearance expert."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from retrieval.experts.appearance import Appearance
from retrieval.models.mmt_inputs import Window, mean_frame
from retrieval.spaces.heads import StarterHeads
from retrieval.spaces.starter import STARTER_WEIGHTS, StarterSpace
from retrieval.training.starter_text import StarterText
from retrieval.types import FeatureTrack, Float32Array

__all__ = ["StarterPictures"]


class StarterPictures:
    """Brings kept tracks and sentence vectors into the starter's space."""

    name = StarterSpace.name

    def __init__(self) -> None:
        self._appearance = Appearance()

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._heads.dim

    def tracks(self, tracks: Mapping[str, FeatureTrack]) -> dict[str, FeatureTrack]:
        """The tracks, that of appearance as the starter's vectors ``[n, dim]`` of its frames, float16.

        Raises:
            WeightsError: the tower or the heads are absent or damaged.
        """
        seen = tracks.get(Appearance.name)
        if seen is None:
            return dict(tracks)
        output = self._appearance.recall(seen.features.astype(np.float32))
        vectors = self._heads.embed_pictures(output.features, output.logits)
        return {**tracks, Appearance.name: FeatureTrack(seen.times, vectors.astype(np.float16))}

    def window(self, window: Window) -> Window:
        """The window with the mean of its frames' vectors."""
        seen = window.tracks.get(Appearance.name)
        vectors = np.zeros((0, self.dim), np.float32) if seen is None else seen.features.astype(np.float32)
        vectors = vectors[np.isfinite(vectors).all(axis=1)]
        return Window(window.tracks, window.start_seconds, mean_frame(vectors, self.dim))

    def texts(self, sentences: Float32Array) -> Float32Array:
        """Sentence vectors [m, 384] to the starter's, [m, dim]."""
        return self._heads.embed_texts(sentences)

    def text_head(self) -> StarterText:
        """The text head in torch."""
        return StarterText(self._heads)

    @cached_property
    def _heads(self) -> StarterHeads:
        return StarterHeads.load(STARTER_WEIGHTS / "heads.safetensors")
