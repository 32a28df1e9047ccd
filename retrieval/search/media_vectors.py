"""Vectors of media files that no library holds: pictures as queries, and the items of an evaluation.

Files go the way that indexing takes them: the same isolated workers, the same expert, the same space.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from retrieval.experts.expert import FrameExpert
from retrieval.media.kinds import kind_of
from retrieval.media.tasks import DecodedFrame, DecodeTask, Failed, Finished
from retrieval.media.worker import MediaWorkers
from retrieval.settings import Settings
from retrieval.spaces.experts import expert_of
from retrieval.spaces.space import Space
from retrieval.types import Float32Array, Frame, MediaKind, Span

__all__ = ["MediaVectors", "UnreadableMedia", "embed_media"]


@dataclass(frozen=True, slots=True, eq=False)
class MediaVectors:
    """The frames of the file numbered ``key``: vectors ``[n, d]``, times ``[n, 2]`` seconds (None for a picture)."""

    key: int
    vectors: Float32Array
    times: Float32Array | None


@dataclass(frozen=True, slots=True)
class UnreadableMedia:
    """The file numbered ``key`` can't be used, and why."""

    key: int
    reason: str


@dataclass(slots=True)
class _Waiting:
    """A file of which some frames are not encoded yet."""

    vectors: list[Float32Array] = field(default_factory=list)
    spans: list[Span | None] = field(default_factory=list)
    is_finished: bool = False

    @property
    def is_complete(self) -> bool:
        return self.is_finished and len(self.vectors) == len(self.spans)


def embed_media(
    paths: Iterable[Path], space: Space, settings: Settings, *, processes: int | None = None
) -> Iterator[MediaVectors | UnreadableMedia]:
    """Decode and embed files; each is answered once, under its place in ``paths``, in the order of completion.

    Raises:
        TransientMediaError: workers can't be started on this machine now.
        WeightsError: the models' weights are absent or damaged.
    """
    expert = expert_of(space)
    batches = _Batches(space, expert, settings.index.batch_size)
    sampling = replace(settings.sampling, form=expert.form)
    tasks = (DecodeTask(key, path, kind_of(path) or MediaKind.PICTURE) for key, path in enumerate(paths))
    with MediaWorkers(settings.limits, sampling, processes or settings.index.workers) as workers:
        for outcome in workers.map(tasks):
            match outcome:
                case DecodedFrame():
                    batches.add(outcome.key, outcome.frame)
                case Finished():
                    batches.finish(outcome.key)
                case Failed():
                    batches.drop(outcome.key)
                    yield UnreadableMedia(outcome.key, outcome.reason)
            yield from batches.completed()
    batches.encode()
    yield from batches.completed()


class _Batches:
    """Frames of many files share a batch of the encoder; pixels are let go of as soon as they are encoded."""

    def __init__(self, space: Space, expert: FrameExpert, batch_size: int) -> None:
        self._space = space
        self._batch_size = batch_size
        self._expert = expert
        self._batch: list[tuple[int, Frame]] = []
        self._files: dict[int, _Waiting] = {}

    def add(self, key: int, frame: Frame) -> None:
        self._files.setdefault(key, _Waiting()).spans.append(frame.span)
        self._batch.append((key, frame))
        if len(self._batch) >= self._batch_size:
            self.encode()

    def finish(self, key: int) -> None:
        self._files.setdefault(key, _Waiting()).is_finished = True

    def drop(self, key: int) -> None:
        self._files.pop(key, None)
        self._batch = [(owner, frame) for owner, frame in self._batch if owner != key]

    def encode(self) -> None:
        if not self._batch:
            return
        output = self._expert.encode(np.stack([frame.pixels for _, frame in self._batch]))
        vectors = self._space.embed_segments(output.rows)
        for (key, _), vector in zip(self._batch, vectors, strict=True):
            self._files[key].vectors.append(vector)
        self._batch = []

    def completed(self) -> Iterator[MediaVectors | UnreadableMedia]:
        for key in [key for key, waiting in self._files.items() if waiting.is_complete]:
            waiting = self._files.pop(key)
            if waiting.vectors:
                yield MediaVectors(key, np.stack(waiting.vectors), _times(waiting.spans))
            else:
                yield UnreadableMedia(key, "it has no picture to look at")


def _times(spans: Sequence[Span | None]) -> Float32Array | None:
    times = [(span.start_seconds, span.end_seconds) for span in spans if span is not None]
    return np.array(times, np.float32) if times else None
