"""What an MMT reads: features of windows of video, their positions and masks, by numpy alone.

Gabeur et al. 2020, section 3.1. Shapes: n windows · k slots for features of one expert · d width of a feature ·
f width of the frame term · q texts · t tokens of the longest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from retrieval.models.mmt_config import ExpertInput, FeatureTokens, MmtConfig, UnitLength
from retrieval.types import FeatureTrack, Float32Array, Span

__all__ = [
    "UNKNOWN_TIME",
    "ExpertBatch",
    "TextBatch",
    "VideoBatch",
    "Window",
    "cut_window",
    "mean_frame",
    "position_ids",
    "prepare_texts",
    "prepare_windows",
]

Array = TypeVar("Array")
"""numpy's arrays, or torch's tensors."""
Other = TypeVar("Other")

UNKNOWN_TIME: Final = -1.0
"""Start and end of a feature whose time nobody knows."""

_UNKNOWN_POSITION: Final = 1
_FIRST_POSITION: Final = 2  # of the window's first second


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ExpertBatch(Generic[Array]):
    """What one expert says of n windows."""

    features: Array
    """[n, k, d]; zeros where there is none."""
    positions: Array
    """[n, k], rows of the table of temporal embeddings."""
    mask: Array
    """[n, k], true where there is a feature."""
    pooled: Array
    """[n, d]: the largest of all features in each channel; zeros where the expert is missing."""
    present: Array
    """[n], true where the expert has something to say."""

    def map(self, change: Callable[[Array], Other]) -> ExpertBatch[Other]:
        """The same of other arrays."""
        return ExpertBatch(*(change(getattr(self, name)) for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VideoBatch(Generic[Array]):
    """n windows of video."""

    experts: Mapping[str, ExpertBatch[Array]]
    """By name; all that the model's configuration names."""
    frames: Array | None = None
    """[n, f]: the mean of the picture space's vectors of frames, of length 1; zeros where there is no frame."""

    def map(self, change: Callable[[Array], Other]) -> VideoBatch[Other]:
        """The same of other arrays."""
        experts = {name: expert.map(change) for name, expert in self.experts.items()}
        return VideoBatch(experts, None if self.frames is None else change(self.frames))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TextBatch(Generic[Array]):
    """q texts."""

    tokens: Array
    """[q, t] ids for BERT, or [q, t, 384] states of MiniLM."""
    mask: Array
    """[q, t], true where there is a token."""
    frames: Array | None = None
    """[q, f]: the picture space's own vectors of the texts."""

    def map(self, change: Callable[[Array], Other]) -> TextBatch[Other]:
        """The same of other arrays."""
        return TextBatch(change(self.tokens), change(self.mask), None if self.frames is None else change(self.frames))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Window:
    """A stretch of one video: what each expert says in it, and when it starts."""

    tracks: Mapping[str, FeatureTrack]
    """By expert. One that is absent, or whose track is empty, is missing: its tokens are masked."""
    start_seconds: float = 0.0
    frame: Float32Array | None = None
    """[f], see :func:`mean_frame`."""


def cut_window(tracks: Mapping[str, FeatureTrack], span: Span, frame: Float32Array | None = None) -> Window:
    """What the experts say within ``span``: rows that overlap it, their times cut to it."""
    return Window({name: _cut(track, span) for name, track in tracks.items()}, span.start_seconds, frame)


def _cut(track: FeatureTrack, span: Span) -> FeatureTrack:
    starts, ends = track.times[:, 0], track.times[:, 1]
    inside = (starts < span.end_seconds) & (ends > span.start_seconds)
    times = np.clip(track.times[inside], span.start_seconds, span.end_seconds)
    return FeatureTrack(np.asarray(times, np.float32), track.features[inside])


def mean_frame(vectors: Float32Array, dim: int) -> Float32Array:
    """The mean of frames' ``vectors`` [m, f], scaled to length 1: [f]. Zeros where m is 0."""
    if not len(vectors):
        return np.zeros(dim, np.float32)
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def position_ids(times: Float32Array, start_seconds: float, config: MmtConfig) -> NDArray[np.int64]:
    """Rows of the table of temporal embeddings for features at ``times`` [m, 2] seconds: [m].

    The middle of a feature decides: 2 is the first second after ``start_seconds``; what is beyond the table has its
    last row; 1 is a time that nobody knows (a negative one).
    """
    middles = times.mean(axis=1)
    steps = (middles - start_seconds) / config.position_seconds + _FIRST_POSITION
    ids = np.clip(steps, 0, config.max_position - 1).astype(np.int64)  # towards zero
    return np.where(times[:, 0] < 0, _UNKNOWN_POSITION, ids)


def prepare_windows(
    windows: Sequence[Window], config: MmtConfig, generator: np.random.Generator | None = None
) -> VideoBatch[NDArray[Any]]:
    """The batch of ``windows``, n of at least one.

    Of an expert's features beyond ``config.most_features`` a part in the order of time is read, drawn anew by
    ``generator`` in training; without one it is always the same. Features that are not finite numbers are left out.

    Raises:
        ValueError: a track has features of another width than the configuration says.
    """
    experts = {
        expert.name: _stack([_read(window, expert, config, generator) for window in windows], expert, config)
        for expert in config.experts
    }
    if config.frames is None:
        return VideoBatch(experts)
    none = np.zeros(config.frames.dim, np.float32)
    return VideoBatch(experts, np.stack([none if window.frame is None else window.frame for window in windows]))


@dataclass(frozen=True, slots=True, eq=False)
class _Reading:
    """What one expert says of one window: features [m, d], positions [m], pooled [d]; pooled is None if missing."""

    features: Float32Array
    positions: NDArray[np.int64]
    pooled: Float32Array | None


def _read(window: Window, expert: ExpertInput, config: MmtConfig, generator: np.random.Generator | None) -> _Reading:
    track = window.tracks.get(expert.name)
    none = _Reading(np.zeros((0, expert.dim), np.float32), np.zeros(0, np.int64), None)
    if track is None or not len(track):
        return none
    if track.features.shape[1] != expert.dim:
        raise ValueError(f"{expert.name} has features of width {track.features.shape[1]}, expected {expert.dim}")
    sound = np.isfinite(track.features).all(axis=1)
    features, times = np.asarray(track.features[sound], np.float32), track.times[sound]
    if not len(features):
        return none
    pooled = features.max(axis=0)  # of all, before a part is drawn
    if config.features is FeatureTokens.POOLED:
        return _Reading(none.features, none.positions, pooled)
    kept = _drawn(len(features), config.most_features, generator)
    positions = position_ids(times[kept], window.start_seconds, config)
    return _Reading(features[kept], _told(positions, config.features, generator), pooled)


def _drawn(count: int, most: int, generator: np.random.Generator | None) -> NDArray[np.intp]:
    """``most`` of ``count`` in order; without a generator those that the authors' evaluation takes."""
    if count <= most:
        return np.arange(count)
    chosen = (generator or np.random.RandomState(0)).choice(count, size=most, replace=False)
    return np.sort(chosen)


def _told(
    positions: NDArray[np.int64], features: FeatureTokens, generator: np.random.Generator | None
) -> NDArray[np.int64]:
    """The positions as the variant tells them."""
    if features is FeatureTokens.UNTIMED:
        return np.full_like(positions, _UNKNOWN_POSITION)
    if features is FeatureTokens.SHUFFLED:
        return (generator or np.random.default_rng(len(positions))).permutation(positions)
    return positions


def _stack(readings: Sequence[_Reading], expert: ExpertInput, config: MmtConfig) -> ExpertBatch[NDArray[Any]]:
    slots = max(len(reading.features) for reading in readings)
    if config.unit_length is UnitLength.SLOTS and config.features is not FeatureTokens.POOLED:
        slots = config.most_features  # padding counts there
    count = len(readings)
    features = np.zeros((count, slots, expert.dim), np.float32)
    positions = np.full((count, slots), _UNKNOWN_POSITION, np.int64)
    mask = np.zeros((count, slots), np.bool_)
    pooled = np.zeros((count, expert.dim), np.float32)
    for row, reading in enumerate(readings):
        length = len(reading.features)
        features[row, :length], positions[row, :length], mask[row, :length] = reading.features, reading.positions, True
        if reading.pooled is not None:
            pooled[row] = reading.pooled
    present = np.array([reading.pooled is not None for reading in readings], np.bool_)
    return ExpertBatch(features, positions, mask, pooled, present)


def prepare_texts(
    texts: Sequence[NDArray[Any]], config: MmtConfig, frames: Float32Array | None = None
) -> TextBatch[NDArray[Any]]:
    """The batch of ``texts``, each [t_i] ids with [CLS] and [SEP], or [t_i, 384] states; cut to the model's length.

    ``frames`` [q, f]: the picture space's own vectors, where the configuration has a frame term.
    """
    cut = [text[: config.text.most_tokens] for text in texts]
    longest = max(len(text) for text in cut)
    tokens = np.zeros((len(cut), longest, *cut[0].shape[1:]), cut[0].dtype)
    mask = np.zeros((len(cut), longest), np.bool_)
    for row, text in enumerate(cut):
        tokens[row, : len(text)], mask[row, : len(text)] = text, True
    return TextBatch(tokens, mask, frames)
