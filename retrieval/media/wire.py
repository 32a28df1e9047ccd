"""What passes between a media worker and its parent, over a socket.

A message is two lengths (big-endian, 4 bytes each), a JSON object of the first length, and raw bytes (pixels, a JPEG,
a hash) of the second. It is not pickle: a worker that a hostile file took over could say nothing but wrong answers.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import numpy as np

from retrieval import errors
from retrieval.errors import MediaError
from retrieval.media.files import FileStat, Identity
from retrieval.media.pieces import ClipFrames, FramePair, MediaPiece, ScreenFrame, SoundPiece, Stream
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
from retrieval.types import ClipForm, Frame, MediaFacts, MediaKind, PictureForm, ResizeMode, Span, Words

__all__ = [
    "Closed",
    "outcome_from",
    "outcome_message",
    "receive",
    "send",
    "settings_from",
    "settings_message",
    "task_from",
    "task_message",
]

LENGTHS = struct.Struct(">II")
LONGEST_HEAD = 1 << 20
LONGEST_BODY = 1 << 28

Head = dict[str, Any]
Message = tuple[Head, Any]
"""A JSON object, and bytes that go with it."""

_TASKS: Mapping[str, type[Task]] = {
    kind.__name__: kind for kind in (IdentifyTask, DecodeTask, ThumbnailTask, PreviewTask, ProbeTask)
}


class Closed(Exception):  # noqa: N818 - the end of a conversation, not an error
    """The other side is gone."""


def send(channel: socket.socket, head: Head, body: Any = b"") -> None:
    """Send one message, however long the other side takes to read it. Raises :class:`Closed`."""
    text = json.dumps(head).encode("ascii")
    view = memoryview(body).cast("B")
    try:
        channel.sendall(LENGTHS.pack(len(text), len(view)) + text)
        if view:
            channel.sendall(view)
    except OSError as exc:
        raise Closed from exc


def receive(channel: socket.socket) -> Message:
    """Receive one message. Raises :class:`Closed`; TimeoutError where the channel has a time limit."""
    head_bytes, body_bytes = LENGTHS.unpack(_exactly(channel, LENGTHS.size))
    if head_bytes > LONGEST_HEAD or body_bytes > LONGEST_BODY:
        raise Closed
    return json.loads(_exactly(channel, head_bytes)), _exactly(channel, body_bytes)


def _exactly(channel: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        try:
            count = channel.recv_into(view)
        except TimeoutError:
            raise
        except OSError as exc:
            raise Closed from exc
        if count == 0:
            raise Closed
        view = view[count:]
    return data


def settings_message(limits: MediaLimits, sampling: SamplingSettings, niceness: int) -> Head:
    """The first message to a worker."""
    return {"limits": asdict(limits), "sampling": asdict(sampling), "niceness": niceness}


def settings_from(head: Head) -> tuple[MediaLimits, SamplingSettings, int]:
    """What :func:`settings_message` said."""
    sampling = dict(head["sampling"])
    if sampling["form"] is not None:
        sampling["form"] = _form(sampling["form"])
    sampling["clips"] = ClipForm(**sampling["clips"] | {"resized": _form(sampling["clips"]["resized"])})
    return MediaLimits(**head["limits"]), SamplingSettings(**sampling), head["niceness"]


def _form(told: Head) -> PictureForm:
    return PictureForm(**told | {"resize": ResizeMode(told["resize"])})


def task_message(task: Task) -> Head:
    """A task as JSON; its path in base64, since a path is bytes of any kind."""
    values = {field.name: getattr(task, field.name) for field in fields(task)}
    values["path"] = base64.b64encode(os.fsencode(task.path)).decode("ascii")
    if isinstance(task, DecodeTask):
        values["streams"] = sorted(task.streams)
    if isinstance(task, ThumbnailTask | PreviewTask) and task.meant is not None:
        values["meant"] = _stat(task.meant)
    return {"task": type(task).__name__, **values}


def task_from(head: Head) -> Task:
    """What :func:`task_message` said."""
    values = dict(head)
    kind = _TASKS[values.pop("task")]
    values["path"] = base64.b64decode(values["path"])
    if values.get("kind") is not None:
        values["kind"] = MediaKind(values["kind"])
    if kind is DecodeTask:
        values["streams"] = frozenset(map(Stream, values["streams"]))
    if values.get("meant") is not None:
        values["meant"] = FileStat(*values["meant"])
    return kind(**values)


def outcome_message(outcome: Outcome) -> Message:
    """An outcome as JSON and bytes."""
    name, key = type(outcome).__name__, outcome.key
    match outcome:
        case Identified(identity=identity):
            return {"outcome": name, "key": key, "stat": _stat(identity)}, identity.content_hash
        case DecodedFrame(frame=frame):
            span = frame.span and [frame.span.start_seconds, frame.span.end_seconds]
            head = {"shape": frame.pixels.shape, "time_seconds": frame.time_seconds, "span": span}
            return {"outcome": name, "key": key, **head}, np.ascontiguousarray(frame.pixels)
        case DecodedPiece(piece=piece):
            head, body = _piece_message(piece)
            return {"outcome": name, "key": key, "piece": type(piece).__name__, **head}, body
        case Finished(facts=facts, stat=stat, note=note):
            told = asdict(facts) | {"taken_at": facts.taken_at and facts.taken_at.isoformat()}
            return {"outcome": name, "key": key, "facts": told, "stat": _stat(stat), "note": note}, b""
        case Probed(words=words, stat=stat, duration_seconds=seconds):
            told = {"words": asdict(words), "stat": _stat(stat), "duration_seconds": seconds}
            return {"outcome": name, "key": key, **told}, b""
        case ThumbnailMade(jpeg=jpeg):
            return {"outcome": name, "key": key}, jpeg
        case PreviewMade(mp4=mp4):
            return {"outcome": name, "key": key}, mp4
        case Failed(error=error):
            return {"outcome": name, "key": key, "error": type(error).__name__, "reason": str(error)}, b""


def _piece_message(piece: MediaPiece) -> Message:
    match piece:
        case ClipFrames(start_seconds=start, frames=frames):
            return {"start_seconds": start, "shape": frames.shape}, np.ascontiguousarray(frames)
        case FramePair(time_seconds=time, gap_seconds=gap, before=before):
            frames = np.stack([before, piece.after])
            return {"time_seconds": time, "gap_seconds": gap, "shape": frames.shape}, frames
        case ScreenFrame(time_seconds=time, pixels=pixels):
            return {"time_seconds": time, "shape": pixels.shape}, np.ascontiguousarray(pixels)
        case SoundPiece(start_seconds=start, samples=samples):
            return {"start_seconds": start}, np.ascontiguousarray(samples)


def outcome_from(head: Head, body: bytearray) -> Outcome:
    """What :func:`outcome_message` said. Raises ValueError, KeyError or TypeError where it is nonsense."""
    return _READERS[head["outcome"]](head["key"], head, body)


def _stat(stat: FileStat | Identity) -> list[int]:
    return [stat.size_bytes, stat.mtime_ns, stat.inode]


def _frame(key: int, head: Head, body: bytearray) -> Outcome:
    span = Span(*head["span"]) if head["span"] is not None else None
    return DecodedFrame(key, Frame(np.frombuffer(body, np.uint8).reshape(head["shape"]), head["time_seconds"], span))


def _piece(key: int, head: Head, body: bytearray) -> Outcome:
    return DecodedPiece(key, _PIECES[head["piece"]](head, body))


def _pair(head: Head, body: bytearray) -> FramePair:
    before, after = np.frombuffer(body, np.uint8).reshape(head["shape"])
    return FramePair(head["time_seconds"], head["gap_seconds"], before, after)


_PIECES: Mapping[str, Callable[[Head, bytearray], MediaPiece]] = {
    "ClipFrames": lambda head, body: ClipFrames(
        head["start_seconds"], np.frombuffer(body, np.uint8).reshape(head["shape"])
    ),
    "FramePair": _pair,
    "ScreenFrame": lambda head, body: ScreenFrame(
        head["time_seconds"], np.frombuffer(body, np.uint8).reshape(head["shape"])
    ),
    "SoundPiece": lambda head, body: SoundPiece(head["start_seconds"], np.frombuffer(body, np.int16)),
}


def _finished(key: int, head: Head, body: bytearray) -> Outcome:
    told = head["facts"]
    taken_at = datetime.fromisoformat(told["taken_at"]) if told["taken_at"] else None
    typed = {"kind": MediaKind(told["kind"]), "taken_at": taken_at, "words": _words(told["words"])}
    facts = MediaFacts(**told | typed)
    return Finished(key, facts, FileStat(*head["stat"]), head["note"])


def _words(told: Head) -> Words:
    return Words(**told | {"keywords": tuple(told["keywords"]), "people": tuple(told["people"])})


def _failed(key: int, head: Head, body: bytearray) -> Outcome:
    kind = getattr(errors, head["error"])
    if not (isinstance(kind, type) and issubclass(kind, MediaError)):
        raise ValueError(f"{head['error']!r} is no media error")
    return Failed(key, kind(head["reason"]))


_READERS: Mapping[str, Callable[[int, Head, bytearray], Outcome]] = {
    "Identified": lambda key, head, body: Identified(key, Identity(bytes(body), *head["stat"])),
    "DecodedFrame": _frame,
    "DecodedPiece": _piece,
    "Finished": _finished,
    "Probed": lambda key, head, body: Probed(
        key, _words(head["words"]), FileStat(*head["stat"]), head["duration_seconds"]
    ),
    "ThumbnailMade": lambda key, head, body: ThumbnailMade(key, bytes(body)),
    "PreviewMade": lambda key, head, body: PreviewMade(key, bytes(body)),
    "Failed": _failed,
}
