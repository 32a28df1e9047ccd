"""The starter as the picture space of an MMT: its frame term, and the features of its appearance expert."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.experts.appearance import Appearance
from retrieval.models.mmt_inputs import Window, mean_frame
from retrieval.spaces.heads import StarterHeads
from retrieval.spaces.starter import STARTER_WEIGHTS, StarterSpace
from retrieval.training.starter_text import StarterText
from retrieval.types import FeatureTrack, Float32Array

__all__ = ["StarterPictures"]

_ROWS_AT_ONCE: Final = 1024

_Key = TypeVar("_Key", bound=Hashable)


class StarterPictures:
    """Brings kept tracks and sentence vectors into the starter's space."""

    name = StarterSpace.name

    def __init__(self) -> None:
        self._appearance = Appearance()

    @cached_property
    def version(self) -> str:
        """Of the starter."""
        return StarterSpace().version

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self._heads.dim

    def tracks(self, tracks: Mapping[_Key, Mapping[str, FeatureTrack]]) -> dict[_Key, dict[str, FeatureTrack]]:
        """The tracks of many media, those of appearance as the starter's vectors ``[n, dim]`` of its frames, float16.

        Raises:
            WeightsError: the tower or the heads are absent or damaged.
        """
        seen = {key: found for key, those in tracks.items() if (found := those.get(Appearance.name)) is not None}
        # All at once: the heads' weights are read once for many rows.
        features = [track.features for track in seen.values()]
        vectors = self._vectors(np.concatenate(features)) if features else np.zeros((0, self.dim), np.float16)
        parts = np.split(vectors, np.cumsum([len(rows) for rows in features])[:-1]) if features else []
        made = {key: FeatureTrack(track.times, part) for (key, track), part in zip(seen.items(), parts, strict=True)}
        return {
            key: {**those, Appearance.name: made[key]} if key in made else dict(those) for key, those in tracks.items()
        }

    def _vectors(self, features: NDArray[Any]) -> NDArray[np.float16]:
        made = [np.zeros((0, self.dim), np.float16)]
        for start in range(0, len(features), _ROWS_AT_ONCE):
            output = self._appearance.recall(features[start : start + _ROWS_AT_ONCE].astype(np.float32))
            made.append(self._heads.embed_pictures(output.features, output.logits).astype(np.float16))
        return np.concatenate(made)

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
