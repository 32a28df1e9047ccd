"""The inside of a media worker: a process that opens media files, and holds nothing else worth having.

It is started by :mod:`retrieval.media.worker` and speaks :mod:`retrieval.media.wire` over the socket that it is given.
It imports no model runtime, no database and no page.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeVar, cast

from retrieval.errors import BadMediaError, MediaError, MediaLimitError
from retrieval.media import wire
from retrieval.media.descriptions import read_sidecar
from retrieval.media.files import OpenMedia, identify, open_media
from retrieval.media.formats import is_picture
from retrieval.media.opening import open_picture
from retrieval.media.picture import decode, probe, thumbnail_of
from retrieval.media.pieces import MediaPiece
from retrieval.media.tasks import (
    DecodedFrame,
    DecodedPiece,
    DecodeTask,
    Failed,
    Finished,
    Identified,
    IdentifyTask,
    Outcome,
    PreviewMade,
    PreviewTask,
    Probed,
    ProbeTask,
    Task,
    ThumbnailMade,
    ThumbnailTask,
)
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaKind

__all__ = ["main"]

Summary = TypeVar("Summary")
HEARTBEAT_SECONDS = 0.5
PR_SET_PDEATHSIG = 1
"""Linux, prctl(2): a signal to get when the parent dies, even while a decoder hangs."""


def main(descriptor: int, parent: int) -> None:
    """Serve tasks until the parent closes the socket or dies."""
    _bind_to(parent)
    channel = socket.socket(fileno=descriptor)
    try:
        limits, sampling, niceness = wire.settings_from(wire.receive(channel)[0])
        os.nice(niceness)
        _limit_memory(limits.memory_bytes)
        wire.send(channel, {"ready": True})
        _serve(channel, limits, sampling)
    except wire.Closed:
        return


def _bind_to(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before that
        os._exit(0)


def _limit_memory(added_bytes: int) -> None:
    """Allow ``added_bytes`` of address space beyond what the interpreter and its libraries map already."""
    if sys.platform != "linux":
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + added_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash must not fill the disk


def _serve(channel: socket.socket, limits: MediaLimits, sampling: SamplingSettings) -> None:
    heartbeat = _Heartbeat(channel)

    def emit(outcome: Outcome) -> None:
        wire.send(channel, *wire.outcome_message(outcome))

    while True:
        task = wire.task_from(wire.receive(channel)[0])
        wire.send(channel, {"began": task.key})
        try:
            for outcome in _outcomes(task, limits, sampling, heartbeat, emit):
                emit(outcome)
        except MediaError as exc:
            emit(Failed(task.key, _one_line(exc)))
        except MemoryError:
            limit = MediaLimitError(f"needs more memory than {limits.memory_bytes >> 20} MiB; make a smaller copy")
            emit(Failed(task.key, limit))
        except wire.Closed:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever a decoder raised, it costs this file and no other
            error = BadMediaError(f"decoding failed ({type(exc).__name__}: {exc}); copy it again from its source")
            emit(Failed(task.key, _one_line(error)))


def _one_line(error: MediaError) -> MediaError:
    return type(error)(" ".join(str(error).split()))


class _Heartbeat:
    """Tells the parent that work goes on where nothing else would tell it for long."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._last = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._last >= HEARTBEAT_SECONDS:
            self._last = now
            wire.send(self._channel, {"alive": True})


def _outcomes(
    task: Task,
    limits: MediaLimits,
    sampling: SamplingSettings,
    on_progress: Callable[[], None],
    emit: Callable[[Outcome], None],
) -> Iterator[Outcome]:
    """What a task gives; ``emit`` takes what is met between two of them, in the middle of decoding."""
    match task:
        case IdentifyTask():
            yield Identified(task.key, identify(task.path, on_progress))
        case ThumbnailTask():
            yield ThumbnailMade(task.key, _thumbnail(task, limits, on_progress))
        case PreviewTask():
            from retrieval.media.preview import open_video_preview  # FFmpeg's libraries, as below

            with open_media(task.path) as media:
                media.check_is(task.meant)
                clip = open_video_preview(media, task.start_seconds, task.seconds, limits, on_progress)
                media.check_unchanged()
            yield PreviewMade(task.key, clip)
        case ProbeTask():
            yield _probed(task, limits)
        case DecodeTask(kind=MediaKind.PICTURE):
            yield from _picture_outcomes(task, limits, sampling, on_progress)
        case DecodeTask():
            yield from _video_outcomes(task, limits, sampling, on_progress, emit)


def _probed(task: ProbeTask, limits: MediaLimits) -> Probed:
    with open_media(task.path) as media:
        if task.kind is None:
            return Probed(task.key, read_sidecar(media), media.stat)
        if task.kind is MediaKind.PICTURE:
            with open_picture(media, limits) as picture:
                return Probed(task.key, probe(picture), media.stat)
        from retrieval.media.video import probe_open_video  # FFmpeg's libraries, as below

        words, seconds = probe_open_video(media, limits)
        return Probed(task.key, words, media.stat, seconds)


def _thumbnail(task: ThumbnailTask, limits: MediaLimits, on_progress: Callable[[], None]) -> bytes:
    with open_media(task.path) as media:
        media.check_is(task.meant)
        jpeg = _thumbnail_of(media, task, limits, on_progress)
        media.check_unchanged()
        return jpeg


def _thumbnail_of(media: OpenMedia, task: ThumbnailTask, limits: MediaLimits, on_progress: Callable[[], None]) -> bytes:
    at = task.time_seconds
    if at is not None and not is_picture(media):
        # FFmpeg's libraries are loaded only by those that meet a video.
        from retrieval.media.video import open_video_thumbnail

        return open_video_thumbnail(media, at, task.longest_side, limits)
    with open_picture(media, limits) as picture:
        if at is None or not picture.is_animated:
            return thumbnail_of(picture, task.longest_side)
        from retrieval.media.animation import animation_thumbnail  # few meet one

        return animation_thumbnail(picture, at, task.longest_side, limits, on_progress)


def _picture_outcomes(
    task: DecodeTask, limits: MediaLimits, sampling: SamplingSettings, on_progress: Callable[[], None]
) -> Iterator[Outcome]:
    with open_media(task.path) as media, open_picture(media, limits) as picture:
        if picture.is_animated and not task.is_still:
            from retrieval.media.animation import sample_animation  # few meet one

            summary = yield from _frames(task, sample_animation(picture, sampling, limits, on_progress))
            media.check_unchanged()
            yield Finished(task.key, summary.facts, media.stat, summary.note)
            return
        facts, frame = decode(picture, sampling.form or sampling.frame_size)
        media.check_unchanged()
        yield DecodedFrame(task.key, frame)
        yield Finished(task.key, facts, media.stat)


def _video_outcomes(
    task: DecodeTask,
    limits: MediaLimits,
    sampling: SamplingSettings,
    on_progress: Callable[[], None],
    emit: Callable[[Outcome], None],
) -> Iterator[Outcome]:
    from retrieval.media.video import sample_open_video  # as above

    def emit_piece(piece: MediaPiece) -> None:
        emit(DecodedPiece(task.key, piece))

    with open_media(task.path) as media:
        summary = yield from _frames(
            task, sample_open_video(media, sampling, limits, on_progress, task.streams, emit_piece)
        )
        media.check_unchanged()
        yield Finished(task.key, summary.facts, media.stat, summary.note)


def _frames(task: DecodeTask, frames: Generator[Frame, None, Summary]) -> Generator[Outcome, None, Summary]:
    """Frames as outcomes; gives what they end with."""
    while True:
        try:
            yield DecodedFrame(task.key, next(frames))
        except StopIteration as end:
            return cast(Summary, end.value)
