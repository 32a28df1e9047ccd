"""A small MMT by numpy: windows and texts to their vectors, without torch.

The arithmetic is that of :mod:`retrieval.models.mmt`, and a test holds the two against each other to 1e-5.

A window costs what it holds: no padding is computed, and of the last layer only the rows that are read.

Shapes: n windows · q texts · e experts · d width · r rows, those of all sequences · k slots · a_i width of an aligned
term · D width of the space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from retrieval.errors import ModelError, WeightsError
from retrieval.models.mmt_config import (
    AlignedText,
    Missing,
    Mixture,
    MmtConfig,
    TokenText,
    UnitLength,
    VideoEncoder,
)
from retrieval.models.mmt_inputs import ExpertBatch, Window, prepare_windows
from retrieval.models.post_norm_numpy import (
    Dense,
    LayerNorm,
    Rows,
    Weights,
    blocks_of,
    named_tensor,
    run_blocks,
    softmax,
    unit,
)
from retrieval.types import Float32Array

__all__ = ["PictureText", "TextParts", "TextSide", "VideoSide", "check_runs_without_torch"]

_WINDOWS_AT_ONCE: Final = 16
_BATCH_NORM_EPSILON: Final = 1e-5  # torch's own

PictureText = Callable[[Float32Array], Float32Array]
"""From sentence vectors [m, 384] of length 1 to the picture space, [m, f]."""


def check_runs_without_torch(config: MmtConfig) -> None:
    """Raises ModelError for a variant that is for training and ablation alone."""
    reasons = {
        "its text tower is BERT": not isinstance(config.text, TokenText),
        "it gates pooled experts": config.encoder is not VideoEncoder.TRANSFORMER,
        "it normalises over slots": config.unit_length is not UnitLength.FEATURES,
        "it makes weights anew for each pair, which no inner product gives": config.missing is Missing.RENORMALISED,
    }
    if found := [reason for reason, holds in reasons.items() if holds]:
        raise ModelError(
            f"this MMT can't be searched with ({'; '.join(found)}): expected the small configuration; "
            f"measure it by `vidi eval mmt`, or train a small one"
        )


# ------------------------------------------------------------------------------------------------------------- videos


@dataclass(frozen=True, slots=True, eq=False)
class _Packed:
    """Rows of n windows, one after another: in each [CLS], what is attended to, then what is not.

    ``aggregated`` [n, e] and ``features`` (a row for each feature of each expert, window by window) say which is which.
    """

    rows: Float32Array
    sequences: list[Rows]
    aggregated: NDArray[np.intp]
    features: list[NDArray[np.intp]]


class VideoSide:
    """From windows to vectors; several threads may use it at once."""

    def __init__(self, config: MmtConfig, weights: Weights) -> None:
        """``weights`` by the names of :class:`retrieval.models.mmt.Mmt`.

        Raises:
            ModelError: the configuration is a variant that needs torch.
            WeightsError: a weight is missing or of another shape.
        """
        check_runs_without_torch(config)
        tower = "video.transformer"
        self._config = config
        self._projections = [Dense.of(weights, f"video.projections.{name}.linear") for name in config.names]
        self._positions = _table(weights, f"{tower}.positions", config.max_position, config.width)
        self._types = _table(weights, f"{tower}.types", config.type_rows, config.width)
        self._norm = LayerNorm.of(weights, f"{tower}.norm", config.norm_epsilon)
        self._blocks = blocks_of(
            weights, f"{tower}.blocks", layers=config.layers, heads=config.heads, epsilon=config.norm_epsilon
        )
        self._lock = Lock()
        self._aligned = [Dense.of(weights, f"video.aligned.scores.{row}") for row in range(len(config.aligned))]

    def embed(self, windows: Sequence[Window], *, threads: int = 1) -> Float32Array:
        """[n, D]. ``threads``: windows are shared out among so many.

        Raises:
            ValueError: a track has features of another width than the configuration says.
        """
        chunks = [windows[start : start + _WINDOWS_AT_ONCE] for start in range(0, len(windows), _WINDOWS_AT_ONCE)]
        if not chunks:
            return np.zeros((0, self._config.dim), np.float32)
        # Each thread has its own windows; threads of the products beneath would only wait for each other. One call at
        # a time, or the first to end would lift the limit of the rest, and the last would leave it behind.
        with (
            self._lock,
            ThreadpoolController().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(threads) as pool,
        ):
            return np.concatenate(list(pool.map(self._embed, chunks)))

    def _embed(self, windows: Sequence[Window]) -> Float32Array:
        batch = prepare_windows(windows, self._config)
        batches = [batch.experts[name] for name in self._config.names]
        packed = self._pack(batches)
        read = [self._config.names.index(term.expert) for term in self._config.aligned]
        kept = np.sort(np.concatenate([packed.aggregated.ravel(), *(packed.features[i] for i in sorted(set(read)))]))
        states = run_blocks(self._blocks, packed.rows, packed.sequences, kept)
        experts = unit(states[np.searchsorted(kept, packed.aggregated)])  # [n, e, d]
        if self._config.missing is not Missing.SCORED:
            experts *= np.stack([one.present for one in batches], axis=1)[..., None]
        aligned = [
            _drawn_together(score(states[np.searchsorted(kept, packed.features[i])])[:, 0], batches[i])
            for i, score in zip(read, self._aligned, strict=True)
        ]
        frames = [] if batch.frames is None else [batch.frames]
        return np.concatenate([experts.reshape(len(windows), -1), *aligned, *frames], axis=1, dtype=np.float32)

    def _pack(self, batches: Sequence[ExpertBatch[NDArray[Any]]]) -> _Packed:
        sequences, aggregated, features = _layout(batches)
        rows = np.empty((sequences[-1].stop, self._config.width), np.float32)
        rows[[sequence.start for sequence in sequences]] = self._types[0] + self._positions[0]  # [CLS] of zeros
        for number, (expert, batch) in enumerate(zip(self._config.experts, batches, strict=True)):
            kind, project = self._types[expert.type_id], self._projections[number]
            rows[aggregated[:, number]] = unit(project(batch.pooled)) + (kind + self._positions[0])
            if len(features[number]):
                told = self._positions[batch.positions[batch.mask]]
                rows[features[number]] = unit(project(batch.features[batch.mask])) + kind + told
        return _Packed(self._norm(rows), sequences, aggregated, features)


def _layout(
    batches: Sequence[ExpertBatch[NDArray[Any]]],
) -> tuple[list[Rows], NDArray[np.intp], list[NDArray[np.intp]]]:
    """Where each token lies: sequences, rows of aggregated tokens [n, e], and rows of each expert's features."""
    present = np.stack([batch.present for batch in batches], axis=1)  # [n, e]
    counts = np.stack([batch.mask.sum(axis=1) for batch in batches], axis=1)  # [n, e]
    aggregated = np.empty(present.shape, np.intp)
    features: list[list[NDArray[np.intp]]] = [[] for _ in batches]
    sequences, row = [], 0
    for window in range(len(present)):
        start, row = row, row + 1  # [CLS]
        for expert, count in enumerate(counts[window].tolist()):
            features[expert].append(np.arange(row, row + count))
            row += count
        for is_asked in (True, False):
            for expert in np.flatnonzero(present[window] == is_asked).tolist():
                aggregated[window, expert] = row
                row += 1
        sequences.append(Rows(start, row, row - start - int((~present[window]).sum())))
    return sequences, aggregated, [np.concatenate(those) for those in features]


def _drawn_together(scores: Float32Array, batch: ExpertBatch[NDArray[Any]]) -> Float32Array:
    """The features of each window by shares of their ``scores`` [all features], of length 1: [n, a]."""
    held = np.full(batch.mask.shape, np.finfo(np.float32).min, np.float32)
    if not held.size:
        return np.zeros((len(held), batch.features.shape[2]), np.float32)
    held[batch.mask] = scores
    shares = softmax(held) * batch.mask
    return unit(np.matmul(shares[:, None], batch.features)[:, 0])


# -------------------------------------------------------------------------------------------------------------- texts


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TextParts:
    """The text side before it is joined.

    ``parts``: [q, a_i] of each term, not yet scaled by its ``weights`` [q, terms]. Terms are the
    experts, the aligned terms, then the frames.
    """

    parts: list[Float32Array]
    weights: Float32Array

    def joined(self) -> Float32Array:
        """[q, D]: compared by inner product with what :meth:`VideoSide.embed` gives."""
        scaled = [self.weights[:, row, None] * part for row, part in enumerate(self.parts)]
        return np.concatenate(scaled, axis=1, dtype=np.float32)


class TextSide:
    """From the states of tokens to vectors; several threads may use it at once."""

    def __init__(self, config: MmtConfig, weights: Weights, picture_text: PictureText | None = None) -> None:
        """``picture_text``: the picture space's own text head, where an aligned term asks for it. Raises as
        :class:`VideoSide`."""
        check_runs_without_torch(config)
        assert isinstance(config.text, TokenText)
        text = config.text
        self._config = config
        self._picture_text = picture_text
        self._blocks = blocks_of(
            weights, "text.encoder.blocks", layers=text.layers, heads=text.heads, epsilon=text.norm_epsilon
        )
        self._units = [_Unit.of(weights, f"text.units.{name}") for name in config.names]
        self._aligned = [Dense.of(weights, f"text.aligned.scores.{row}") for row in range(len(config.aligned))]
        names = [f"text.weights.{name}" for name in config.names]
        names += [f"text.aligned_weights.{row}" for row in range(len(config.aligned))]
        names += ["text.frame_weight"] if config.frames else []
        self._terms = len(names)
        self._mixture = Dense.of(weights, *names) if config.mixture is Mixture.TEXT else None

    def embed(self, tokens: Sequence[Float32Array], frames: Float32Array | None = None) -> TextParts:
        """The vectors of q texts by the states of their ``tokens``, [t_i, 384] each, of at least one token.

        ``frames`` [q, f]: the picture space's own vectors, where the configuration has a frame term.
        """
        tokens = [states[: self._config.text.most_tokens] for states in tokens]
        lengths = np.array([len(states) for states in tokens])
        starts = np.cumsum(lengths + 1) - lengths - 1  # each is led by a token of its own
        rows = np.concatenate([part for states in tokens for part in (states.mean(axis=0, keepdims=True), states)])
        sequences = [Rows(start, start + length + 1, length + 1) for start, length in zip(starts, lengths, strict=True)]
        wanted = np.arange(len(rows)) if self._aligned else starts
        states = run_blocks(self._blocks, np.asarray(rows, np.float32), sequences, wanted)
        led = states[starts] if self._aligned else states  # [q, 384]
        parts = [one(led) for one in self._units]
        parts += [self._align(number, states, tokens, sequences) for number in range(len(self._aligned))]
        parts += [] if self._config.frames is None or frames is None else [frames]
        even = np.full((len(led), self._terms), 1 / self._terms, np.float32)
        return TextParts(parts, even if self._mixture is None else softmax(self._mixture(led)))

    def _align(
        self, number: int, states: Float32Array, tokens: Sequence[Float32Array], sequences: Sequence[Rows]
    ) -> Float32Array:
        """What one aligned term reads of each text: [q, a]."""
        scores = self._aligned[number](states)[:, 0]
        drawn = unit(
            np.stack(
                [
                    softmax(scores[rows.start + 1 : rows.stop].copy()) @ those
                    for rows, those in zip(sequences, tokens, strict=True)
                ]
            )
        )
        if self._config.aligned[number].text is AlignedText.SENTENCES or self._picture_text is None:
            return drawn
        return self._picture_text(drawn)


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """A gated embedding unit (:class:`retrieval.layers.gated.GatedEmbeddingUnit`), its norm folded into the gate."""

    projection: Dense
    gate: Dense

    @classmethod
    def of(cls, weights: Weights, name: str) -> _Unit:
        gate, norm = Dense.of(weights, f"{name}.gate"), f"{name}.gate_norm"
        scale, shift, mean, variance = (
            named_tensor(weights, f"{norm}.{part}", 1) for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + np.float32(_BATCH_NORM_EPSILON))
        folded = Dense(gate.turned * factor, (gate.bias - mean) * factor + shift)
        return cls(Dense.of(weights, f"{name}.projection"), folded)

    def __call__(self, rows: Float32Array) -> Float32Array:
        projected = self.projection(rows)
        opened = 1 / (1 + np.exp(-np.clip(self.gate(projected), -50, 50)))
        return unit(np.asarray(projected * opened, np.float32))


def _table(weights: Weights, name: str, rows: int, width: int) -> Float32Array:
    table = named_tensor(weights, f"{name}.weight", 2)
    if table.shape != (rows, width):
        raise WeightsError(f"{name} has shape {list(table.shape)}, expected {[rows, width]}; train the model again")
    return table
