"""From decoded frames to records: frames of many files share a batch of the encoder, each file gets its own back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from retrieval.errors import BadMediaError
from retrieval.experts.expert import FrameExpert, FrameOutput
from retrieval.media.tasks import DecodedFrame, Finished
from retrieval.spaces.space import Space
from retrieval.store.results import MediaRecord, SegmentRecord
from retrieval.types import FeatureTrack, Float32Array, Frame

__all__ = ["FrameEncoder", "FrameRow", "record_of"]


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One frame after expert and space saw it: what is kept of it under each name, and its vector ``[d]``."""

    segment: SegmentRecord
    kept: Mapping[str, NDArray[np.float16]]
    embedding: Float32Array


@dataclass(slots=True)
class _Waiting:
    """A file of which some frames are not encoded yet."""

    rows: list[FrameRow] = field(default_factory=list)
    frames_pending: int = 0
    finished: Finished | None = None


_ENCODING_MOST = 2
"""Batches that are encoded at once: while the last pictures of one are at work, cores take up the next."""


class FrameEncoder:
    """Gathers frames into batches, and hands a file's rows back once all of them are encoded.

    Batches are encoded beside the caller, who meanwhile takes in what the decoders bring; a context manager.
    """

    def __init__(self, expert: FrameExpert, space: Space, batch_size: int) -> None:
        self._expert = expert
        self._space = space
        self._batch_size = batch_size
        # The heads' small products on one thread: BLAS threads spin while decoders hold the cores.
        self._blas = ThreadpoolController()
        self._batch: list[tuple[int, Frame]] = []
        self._files: dict[int, _Waiting] = {}
        self._threads = ThreadPoolExecutor(_ENCODING_MOST, thread_name_prefix="frame-encoder")
        self._is_prepared = False
        self._encoding: deque[tuple[list[tuple[int, Frame]], Future[FrameOutput]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """What is still being encoded is lost to this run, and the next one's work."""
        self._threads.shutdown(cancel_futures=True)

    def prepare(self) -> None:
        """There will be frames: load the model beside their decoding. If that fails, so will encoding them."""
        if not self._is_prepared:
            self._is_prepared = True
            self._threads.submit(self._expert.load)

    def add(self, outcome: DecodedFrame | Finished) -> Iterator[tuple[Finished, list[FrameRow]]]:
        """Take one frame or the end of a file; yields the files that became complete."""
        waiting = self._files.setdefault(outcome.key, _Waiting())
        if isinstance(outcome, Finished):
            waiting.finished = outcome
        else:
            waiting.frames_pending += 1
            self._batch.append((outcome.key, outcome.frame))
        if len(self._batch) >= self._batch_size:
            self._encode()
        has_news = isinstance(outcome, Finished) and not waiting.frames_pending
        while self._encoding and (len(self._encoding) > _ENCODING_MOST or self._encoding[0][1].done()):
            self._collect()
            has_news = True
        if has_news:
            yield from self._complete()

    def drop(self, key: int) -> None:
        """Forget a file that failed after some of its frames came."""
        self._files.pop(key, None)
        self._batch = [(owner, frame) for owner, frame in self._batch if owner != key]

    def flush(self) -> Iterator[tuple[Finished, list[FrameRow]]]:
        """Encode what is left, however little."""
        if self._batch:
            self._encode()
        while self._encoding:
            self._collect()
        yield from self._complete()

    def _encode(self) -> None:
        batch, self._batch = self._batch, []
        pixels = np.stack([frame.pixels for _, frame in batch])
        self._encoding.append((batch, self._threads.submit(self._expert.encode, pixels)))

    def _collect(self) -> None:
        """Give the rows of the oldest batch to their files; those of files that failed meanwhile to nobody."""
        batch, future = self._encoding.popleft()
        output = future.result()
        tracks = output.tracks()
        with self._blas.limit(limits=1, user_api="blas"):
            embeddings = self._space.embed_segments(output.rows)
        for number, (key, frame) in enumerate(batch):
            if (waiting := self._files.get(key)) is not None:
                kept = {name: track[number] for name, track in tracks.items()}
                waiting.rows.append(FrameRow(_segment_of(frame), kept, embeddings[number]))
                waiting.frames_pending -= 1

    def _complete(self) -> Iterator[tuple[Finished, list[FrameRow]]]:
        done = [key for key, waiting in self._files.items() if waiting.finished and not waiting.frames_pending]
        for key in done:
            waiting = self._files.pop(key)
            assert waiting.finished is not None
            yield waiting.finished, waiting.rows


def _segment_of(frame: Frame) -> SegmentRecord:
    if frame.span is None:
        return SegmentRecord()
    return SegmentRecord(frame.span.start_seconds, frame.span.end_seconds, frame.time_seconds)


def record_of(
    finished: Finished, content_hash: bytes, rows: list[FrameRow], expert_version: str, dim: int
) -> MediaRecord:
    """All that is kept of one file: tracks at ``expert_version``, vectors as wide as the space's ``dim``.

    ``rows`` is emptied: of ten hours they are as large as the record, which is copied once more when it is written.

    Raises:
        BadMediaError: an encoder gave numbers that are not finite.
    """
    segments = [row.segment for row in rows]
    embeddings = np.stack([row.embedding for row in rows]) if rows else np.zeros((0, dim), np.float32)
    tracks = _tracks(rows, expert_version) if rows else {}
    rows.clear()
    if not (np.isfinite(embeddings).all() and all(np.isfinite(track.features).all() for track in tracks.values())):
        raise BadMediaError("the encoder gave numbers that are not finite; please report this file")
    return MediaRecord(finished.key, content_hash, finished.facts, segments, embeddings, tracks)


def _tracks(rows: Sequence[FrameRow], version: str) -> dict[tuple[str, str], FeatureTrack]:
    spans = [(row.segment.start_seconds or 0.0, row.segment.end_seconds or 0.0) for row in rows]
    times = np.array(spans, dtype=np.float32)
    return {(name, version): FeatureTrack(times, np.stack([row.kept[name] for row in rows])) for name in rows[0].kept}
