from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from retrieval.errors import WeightsError
from retrieval.experts import extraction  # its Testimony, imported by name, would be taken for a test
from retrieval.experts.appearance import Appearance
from retrieval.experts.extraction import ExpertThreads, Extracted, NotExtracted, extract_tracks
from retrieval.experts.frames_over_time import FramesOverTime
from retrieval.experts.motion import Motion
from retrieval.experts.over_time import Told
from retrieval.media.pieces import Piece, SoundPiece, Stream
from retrieval.types import FeatureTrack, MediaKind, TextSource, TimedText


class Counting:
    """An expert whose track is the number of pieces of a file; it fails as it is told."""

    version, dim, stream = "1", 1, Stream.SOUND

    def __init__(
        self, name: str = "speech", *, fails: Callable[[Piece], None] | None = None, gives: float | None = None
    ) -> None:
        self.name = name
        self._fails = fails
        self._gives = gives

    def load(self) -> None: ...

    def begin(self) -> Counting:
        made = Counting(self.name, fails=self._fails, gives=self._gives)
        made.count = 0
        return made

    def add(self, piece: Piece) -> None:
        self.count += 1
        if self._fails is not None:
            self._fails(piece)

    def finish(self, duration_seconds: float) -> Told:
        value = self.count if self._gives is None else self._gives
        text = TimedText(TextSource.SPEECH, 0, duration_seconds, str(self.count), 1.0)
        track = FeatureTrack(np.array([[0, duration_seconds]], np.float32), np.array([[value]], np.float16))
        return Told(track, (text,) if self.name == "speech" else ())


def sound(start: float = 0.0) -> SoundPiece:
    return SoundPiece(start, np.zeros(10, np.int16))


def run(threads: ExpertThreads, **counts: int) -> dict[int, extraction.Testimony]:
    """Files of so many pieces each, mixed."""
    with threads:
        for key in range(len(counts)):
            threads.begin(key)
        for number in range(max(counts.values())):
            for key, count in enumerate(counts.values()):
                if number < count:
                    threads.add(key, sound(float(number)))
        for key in range(len(counts)):
            threads.finish(key, 9.0)
        return dict(threads.rest())


def ignore(_line: str) -> None: ...


def test_files_that_come_mixed_are_told_apart() -> None:
    told = run(ExpertThreads([Counting(), Counting("audio")], ignore), a=3, b=50, c=1)

    assert {key: float(each.tracks["speech", "1"].features[0, 0]) for key, each in told.items()} == {0: 3, 1: 50, 2: 1}
    assert {key: each.texts["speech", "1"][0].text for key, each in told.items()} == {0: "3", 1: "50", 2: "1"}
    assert all(("audio", "1") in each.tracks and ("audio", "1") not in each.texts for each in told.values())


def test_an_expert_that_fails_at_a_file_costs_that_file_alone() -> None:
    def fail(piece: Piece) -> None:
        if isinstance(piece, SoundPiece) and piece.start_seconds == 2:
            raise RuntimeError("lost\nits way")

    told = run(ExpertThreads([Counting(fails=fail), Counting("audio")], ignore), a=5, b=2)

    assert told[0].failed == {("speech", "1"): "the speech expert failed at it and is left out: lost its way"}
    assert list(told[0].tracks) == [("audio", "1")]
    assert set(told[1].tracks) == {("speech", "1"), ("audio", "1")}


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "no space left on device"),
        OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=["memory", "disk", "torch's", "an allocator's", "C++"],
)
def test_a_failure_of_the_moment_is_put_off(error: Exception) -> None:
    def fail(_piece: Piece) -> None:
        raise error

    told = run(ExpertThreads([Counting(fails=fail), Counting("audio")], ignore), a=1)[0]

    assert (told.failed, list(told.tracks)) == ({}, [("audio", "1")])
    assert "asked again at the next run" in told.put_off["speech", "1"]
    assert told.failures == list(told.put_off.values())


@pytest.mark.parametrize("pieces", [1, 100])
def test_what_the_notice_raises_reaches_who_waits(pieces: int) -> None:
    def fail(_piece: Piece) -> None:
        raise WeightsError("model.bin differs")

    def closed(_line: str) -> None:
        raise BrokenPipeError("nobody reads")

    raised: list[Exception] = []

    def work() -> None:
        try:
            run(ExpertThreads([Counting(fails=fail)], closed), a=pieces)
        except BrokenPipeError as error:
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)

    assert not thread.is_alive()
    assert len(raised) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    told = run(ExpertThreads([Counting(gives=value)], ignore), a=1)

    assert told[0].tracks == {}
    assert "not finite" in told[0].failed["speech", "1"]


def test_a_model_that_cannot_be_had_is_told_of_once_and_left_out() -> None:
    def fail(_piece: Piece) -> None:
        raise WeightsError("model.bin differs")

    lines: list[str] = []

    told = run(ExpertThreads([Counting(fails=fail), Counting("audio")], lines.append), a=2, b=2)

    assert lines == ["the speech expert is left out: model.bin differs"]
    assert all(list(each.tracks) == [("audio", "1")] and each.failed == {} for each in told.values())


def test_only_the_experts_that_are_asked_answer() -> None:
    threads = ExpertThreads([Counting(), Counting("audio"), Motion()], ignore)
    with threads:
        threads.begin(1, [("audio", "1")])
        threads.begin(2, [])
        assert threads.streams(1) == {Stream.SOUND}
        assert threads.streams(2) == frozenset()
        threads.add(1, sound())
        threads.finish(1, 1.0)
        threads.finish(2, 1.0)
        told = dict(threads.rest())

    assert list(told[1].tracks) == [("audio", "1")]
    assert told[2].tracks == {}


def test_who_brings_more_than_an_expert_takes_has_to_wait() -> None:
    may_go = threading.Event()
    threads = ExpertThreads([Counting(fails=lambda _piece: may_go.wait(10) and None)], ignore)
    brought: list[int] = []

    def bring() -> None:
        for number in range(100):
            threads.add(1, sound(float(number)))
            brought.append(number)
        threads.finish(1, 100.0)

    with threads:
        threads.begin(1)
        thread = threading.Thread(target=bring)
        thread.start()
        thread.join(0.3)
        waited_at = len(brought)
        may_go.set()
        thread.join(10)
        told = dict(threads.rest())

    assert waited_at < 40
    assert float(told[1].tracks["speech", "1"].features[0, 0]) == 100


def test_leaving_early_stops_the_threads() -> None:
    threads = ExpertThreads([Counting()], ignore)
    with threads:
        threads.begin(1)
        for number in range(20):
            threads.add(1, sound(float(number)))

    assert not any(thread.name == "expert-speech" for thread in threading.enumerate())


def film(path: Path, seconds: int = 3) -> Path:
    grain = np.random.default_rng(0).integers(0, 256, (12, 40)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for number in range(25 * seconds):
            shown = np.repeat(grain[:, number : number + 160, None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(shown), "rgb24")))
        container.mux(stream.encode())
    return path


def test_files_become_tracks_by_one_call(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    files = [(film(tmp_path / "film.mp4"), MediaKind.VIDEO), (bad, MediaKind.VIDEO)]
    appearance = FramesOverTime(Appearance(threads=1))

    found = {result.path: result for result in extract_tracks(files, [appearance, Motion()])}

    good, refused = found[files[0][0]], found[bad]
    assert isinstance(good, Extracted)
    assert isinstance(refused, NotExtracted)
    assert "copy it again" in refused.reason
    assert good.facts.duration_seconds == pytest.approx(3, abs=0.05)
    motion, seen = (
        good.testimony.tracks["motion", Motion.version],
        good.testimony.tracks["appearance", appearance.version],
    )
    assert motion.times.tolist() == [[0, 1], [1, 2], [2, 3]]
    pan = -np.square(motion.features[:, 0].astype(np.float32))
    assert (motion.features[:, 0] < 0).all()
    assert pan == pytest.approx(25 / 160 * -1, rel=0.2)  # a pixel a frame, of 160
    assert seen.features.shape[1] == 1280
    assert (seen.times[0, 0], seen.times[-1, 1]) == (0, pytest.approx(3, abs=0.05))
