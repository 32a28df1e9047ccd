from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest

from retrieval.errors import BadMediaError, MediaLimitError, TransientMediaError
from retrieval.media import wire
from retrieval.media.files import FileStat, Identity
from retrieval.media.plain import make_words
from retrieval.media.tasks import (
    DecodedFrame,
    DecodeTask,
    Failed,
    Finished,
    Identified,
    IdentifyTask,
    Outcome,
    PreviewTask,
    Probed,
    ProbeTask,
    Task,
    ThumbnailMade,
    ThumbnailTask,
)
from retrieval.types import Frame, MediaFacts, MediaKind, Span, Words

FACTS = MediaFacts(MediaKind.VIDEO, 64, 48, 1.5, 25.0, True, "h264", datetime(2020, 1, 2, 3), 48.8, 2.3, "X", None)
WORDS = Words("Title", "Two\nlines, é", -1, ("dog", "beach"), ("Anna",))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


@pytest.mark.parametrize(
    "task",
    [
        IdentifyTask(1, b"/a/not \xff utf-8\n.jpg"),
        DecodeTask(2, b"/a.mp4", MediaKind.VIDEO),
        ThumbnailTask(3, b"/a.mp4", 300, 1.5),
        ThumbnailTask(3, b"/a.mp4", 300, 1.5, FileStat(7, 2**62, 9)),
        PreviewTask(3, b"/a.mp4", 1.5, 30, FileStat(7, 8, 9)),
        ProbeTask(4, b"/a.jpg", MediaKind.PICTURE),
        ProbeTask(5, b"/a.jpg.xmp", None),
    ],
    ids=lambda task: type(task).__name__,
)
def test_a_task_arrives_as_it_was_sent(ends: tuple[socket.socket, socket.socket], task: Task) -> None:
    wire.send(ends[0], wire.task_message(task))
    assert wire.task_from(wire.receive(ends[1])[0]) == task


@pytest.mark.parametrize(
    "outcome",
    [
        Identified(1, Identity(bytes(range(32)), 5, 10**18 + 1, 7)),
        Finished(2, FACTS, FileStat(5, 6, 7), "cut short"),
        Finished(3, MediaFacts(MediaKind.PICTURE), FileStat(5, 6, 7)),
        Finished(3, MediaFacts(MediaKind.PICTURE, words=WORDS), FileStat(5, 6, 7)),
        Probed(4, WORDS, FileStat(5, 6, 7), 1.5),
        ThumbnailMade(4, b"jpeg"),
    ],
    ids=lambda outcome: type(outcome).__name__,
)
def test_an_outcome_arrives_as_it_was_sent(ends: tuple[socket.socket, socket.socket], outcome: Outcome) -> None:
    wire.send(ends[0], *wire.outcome_message(outcome))
    assert wire.outcome_from(*wire.receive(ends[1])) == outcome


@pytest.mark.parametrize("kind", [BadMediaError, MediaLimitError, TransientMediaError])
def test_a_failure_arrives_with_its_kind_and_reason(
    ends: tuple[socket.socket, socket.socket], kind: type[BadMediaError]
) -> None:
    wire.send(ends[0], *wire.outcome_message(Failed(1, kind("the reason"))))
    failed = wire.outcome_from(*wire.receive(ends[1]))
    assert isinstance(failed, Failed)
    assert (type(failed.error), failed.reason, failed.is_permanent) == (kind, "the reason", kind != TransientMediaError)


@pytest.mark.parametrize("span", [None, Span(1.0, 2.5)])
def test_pixels_arrive_as_they_were_sent(ends: tuple[socket.socket, socket.socket], span: Span | None) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    outcome = DecodedFrame(1, Frame(pixels, None if span is None else 1.25, span))
    sender = threading.Thread(target=wire.send, args=(ends[0], *wire.outcome_message(outcome)))
    sender.start()
    arrived = wire.outcome_from(*wire.receive(ends[1]))
    sender.join()
    assert isinstance(arrived, DecodedFrame)
    assert np.array_equal(arrived.frame.pixels, pixels)
    assert (arrived.frame.time_seconds, arrived.frame.span) == (outcome.frame.time_seconds, span)


def test_a_foreign_error_is_not_made(ends: tuple[socket.socket, socket.socket]) -> None:
    head = {"outcome": "Failed", "key": 1, "error": "VidiError", "reason": "x"}
    with pytest.raises(ValueError, match="'VidiError' is no media error"):
        wire.outcome_from(head, bytearray())


def test_the_end_of_the_other_side_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(b"\0\0")
    ends[0].close()
    with pytest.raises(wire.Closed, match=r"^$"):
        wire.receive(ends[1])


def test_an_absurd_length_is_not_waited_for(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(wire.LENGTHS.pack(2**32 - 1, 0))
    with pytest.raises(wire.Closed, match=r"^$"):
        wire.receive(ends[1])


def test_the_longest_words_fit_one_message(ends: tuple[socket.socket, socket.socket]) -> None:
    many = [f"{number:04}" + "\U0001f600" * 200 for number in range(200)]
    words = make_words("\U0001f600" * 2000, "\U0001f600" * 20_000, 5, many, many)
    outcome = Probed(1, words, FileStat(1, 1, 1))
    sender = threading.Thread(target=wire.send, args=(ends[0], *wire.outcome_message(outcome)))
    sender.start()
    assert wire.outcome_from(*wire.receive(ends[1])) == outcome
    sender.join()
