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
from collections.abc import Callable, Iterator
from pathlib import Path

from retrieval.errors import BadMediaError, MediaError, MediaLimitError
from retrieval.media import wire
from retrieval.media.files import identify, open_media
from retrieval.media.picture import decode_open_picture, thumbnail
from retrieval.media.tasks import (
    DecodedFrame,
    DecodeTask,
    Failed,
    Finished,
    Identified,
    IdentifyTask,
    Outcome,
    Task,
    ThumbnailMade,
    ThumbnailTask,
)
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import MediaKind

__all__ = ["main"]

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
    while True:
        task = wire.task_from(wire.receive(channel)[0])
        wire.send(channel, {"began": task.key})
        try:
            for outcome in _outcomes(task, limits, sampling, heartbeat):
                wire.send(channel, *wire.outcome_message(outcome))
        except MediaError as exc:
            wire.send(channel, *wire.outcome_message(Failed(task.key, _one_line(exc))))
        except MemoryError:
            limit = MediaLimitError(f"needs more memory than {limits.memory_bytes >> 20} MiB; make a smaller copy")
            wire.send(channel, *wire.outcome_message(Failed(task.key, limit)))
        except wire.Closed:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever a decoder raised, it costs this file and no other
            error = BadMediaError(f"decoding failed ({type(exc).__name__}: {exc}); copy it again from its source")
            wire.send(channel, *wire.outcome_message(Failed(task.key, _one_line(error))))


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
    task: Task, limits: MediaLimits, sampling: SamplingSettings, on_progress: Callable[[], None]
) -> Iterator[Outcome]:
    match task:
        case IdentifyTask():
            yield Identified(task.key, identify(task.path, on_progress))
        case ThumbnailTask():
            yield ThumbnailMade(task.key, _thumbnail(task, limits))
        case DecodeTask(kind=MediaKind.PICTURE):
            with open_media(task.path) as media:
                facts, frame = decode_open_picture(media, sampling.form or sampling.frame_size, limits)
                media.check_unchanged()
                yield DecodedFrame(task.key, frame)
                yield Finished(task.key, facts, media.stat)
        case DecodeTask():
            yield from _video_outcomes(task, limits, sampling, on_progress)


def _thumbnail(task: ThumbnailTask, limits: MediaLimits) -> bytes:
    if task.time_seconds is None:
        return thumbnail(task.path, task.longest_side, limits)
    from retrieval.media.video import video_thumbnail  # FFmpeg's libraries are loaded only by those that meet a video

    return video_thumbnail(task.path, task.time_seconds, task.longest_side, limits)


def _video_outcomes(
    task: DecodeTask, limits: MediaLimits, sampling: SamplingSettings, on_progress: Callable[[], None]
) -> Iterator[Outcome]:
    from retrieval.media.video import sample_open_video  # as above

    with open_media(task.path) as media:
        frames = sample_open_video(media, sampling, limits, on_progress)
        while True:
            try:
                yield DecodedFrame(task.key, next(frames))
            except StopIteration as end:
                media.check_unchanged()
                yield Finished(task.key, end.value.facts, media.stat, end.value.note)
                return
