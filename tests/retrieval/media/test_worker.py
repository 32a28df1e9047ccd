from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import av
import numpy as np
import psutil
import pytest
from PIL import Image

from retrieval.errors import BadMediaError, MediaLimitError, TransientMediaError
from retrieval.media import (
    DecodedFrame,
    DecodeTask,
    Failed,
    Finished,
    Identified,
    IdentifyTask,
    MediaWorkers,
    Outcome,
    PreviewMade,
    PreviewTask,
    Task,
    ThumbnailMade,
    ThumbnailTask,
)
from retrieval.media.files import identify, open_media
from retrieval.media.jobs import Job, Jobs, Outbox
from retrieval.media.picture import decode_picture
from retrieval.media.pieces import ClipFrames, FramePair, ScreenFrame, SoundPiece
from retrieval.media.tasks import DecodedPiece
from retrieval.media.video import sample_video
from retrieval.media.worker import AHEAD_PER_WORKER, _Keeper
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import Frame, MediaKind

SAMPLING = SamplingSettings(frame_size=64)
# More frames than fit on the way to a caller: the worker is still at the video when the first has come.
EVERY_LOOK = SamplingSettings(interval_seconds=0.1, merge_difference=0.0)
REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def workers() -> Iterator[MediaWorkers]:
    with MediaWorkers(sampling=SAMPLING, processes=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    generator = np.random.default_rng(1)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(200):
            pixels = np.repeat(np.repeat(generator.integers(0, 256, (6, 8, 3)).astype(np.uint8), 8, 0), 8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
    return path


def closings(outcomes: list[Outcome]) -> dict[int, Outcome]:
    """The one outcome that closes each key."""
    found: dict[int, Outcome] = {}
    for outcome in outcomes:
        assert outcome.key not in found, "an outcome came after the one that closed its key"
        if not isinstance(outcome, DecodedFrame):
            found[outcome.key] = outcome
    return found


def wait_until(is_so: Any, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_worker_answers_as_the_functions_do(make: Any, workers: MediaWorkers) -> None:
    picture, video = make.picture("a.jpg", make.photo(300, 200)), make.video("a.mp4", make.shots(1.2, 1.0))
    tasks: list[Task] = [
        IdentifyTask(1, picture),
        DecodeTask(2, picture, MediaKind.PICTURE),
        DecodeTask(3, video, MediaKind.VIDEO),
        ThumbnailTask(4, picture, 30),
        ThumbnailTask(5, video, 30, 1.0),
    ]
    outcomes = list(workers.map(tasks))
    closed = closings(outcomes)
    assert closed[1] == Identified(1, identify(picture))
    facts, frame = decode_picture(picture, 64, MediaLimits())
    assert isinstance(closed[2], Finished)
    assert closed[2].facts == facts
    assert closed[2].stat.inode == picture.stat().st_ino
    frames = [outcome.frame for outcome in outcomes if isinstance(outcome, DecodedFrame) and outcome.key == 2]
    assert np.array_equal(frames[0].pixels, frame.pixels)
    sampled = list(sample_video(video, SAMPLING, MediaLimits()))
    frames = [outcome.frame for outcome in outcomes if isinstance(outcome, DecodedFrame) and outcome.key == 3]
    assert [one.span for one in frames] == [one.span for one in sampled]
    assert all(isinstance(closed[key], ThumbnailMade) for key in (4, 5))
    assert closed[4].jpeg.startswith(b"\xff\xd8")  # type: ignore[union-attr]


def test_nothing_is_made_of_another_file_than_the_one_that_is_meant(make: Any, workers: MediaWorkers) -> None:
    path = make.video("a.mp4", make.shots(1.2, 1.0))
    with open_media(path) as media:
        meant = media.stat
    tasks: tuple[Task, ...] = (ThumbnailTask(1, path, 30, 0.0, meant), PreviewTask(2, path, 0, 1, meant))
    assert isinstance(workers.run(tasks[0])[-1], ThumbnailMade)
    path.write_bytes(path.read_bytes() + b"more")
    for task in tasks:
        failed = workers.run(task)[-1]
        assert isinstance(failed, Failed)
        assert "changed or replaced since it was looked for" in str(failed.error)


def test_each_bad_file_costs_itself_and_says_why(make: Any, tmp_path: Path, workers: MediaWorkers) -> None:
    cut: Path = make.picture("cut.jpg", make.photo(300, 200))
    cut.write_bytes(cut.read_bytes()[:5000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("Dear diary")
    os.mkfifo(tmp_path / "pipe.jpg")
    paths = [
        cut,
        tmp_path / "empty.jpg",
        tmp_path / "text.jpg",
        make.giant_png("giant.png"),
        tmp_path / "gone.jpg",
        tmp_path / "pipe.jpg",
        make.picture("good.jpg"),
    ]
    closed = closings(list(workers.map(DecodeTask(key, path, MediaKind.PICTURE) for key, path in enumerate(paths))))
    errors = [type(outcome.error) if isinstance(outcome, Failed) else None for _, outcome in sorted(closed.items())]
    assert errors == [BadMediaError] * 3 + [MediaLimitError, TransientMediaError, BadMediaError, None]
    for outcome in closed.values():
        if isinstance(outcome, Failed):
            assert "\n" not in outcome.reason
            assert outcome.is_permanent == (outcome.key != 4)


@pytest.mark.parametrize("name", [b"line\nbreak.jpg", b"not \xff utf-8.jpg"])
def test_any_name_is_read(make: Any, tmp_path: Path, workers: MediaWorkers, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    os.rename(make.picture("a.jpg"), path)
    assert isinstance(workers.run(DecodeTask(1, path, MediaKind.PICTURE))[-1], Finished)


def test_a_killed_worker_costs_only_the_file_that_it_was_at(make: Any, video: Path) -> None:
    pictures = [make.picture(f"{number}.jpg") for number in range(20)]
    with MediaWorkers(sampling=EVERY_LOOK, processes=1) as workers:
        tasks: list[Task] = [DecodeTask(-1, video, MediaKind.VIDEO)]
        tasks += [DecodeTask(key, path, MediaKind.PICTURE) for key, path in enumerate(pictures)]
        outcomes = []
        for outcome in workers.map(tasks):
            if not outcomes:
                os.kill(workers.process_identifiers[0], signal.SIGKILL)
            outcomes.append(outcome)
    closed = closings(outcomes)
    assert isinstance(closed[-1], Failed)
    assert "killed from outside" in closed[-1].reason
    assert not closed[-1].is_permanent
    assert all(isinstance(closed[key], Finished) for key in range(20))


def test_a_crashed_decoder_is_the_files_fault(video: Path) -> None:
    with MediaWorkers(sampling=EVERY_LOOK, processes=1) as workers:
        outcomes = []
        for outcome in workers.map([DecodeTask(1, video, MediaKind.VIDEO)]):
            if not outcomes:
                os.kill(workers.process_identifiers[0], signal.SIGSEGV)
            outcomes.append(outcome)
    failed = closings(outcomes)[1]
    assert isinstance(failed, Failed)
    assert isinstance(failed.error, BadMediaError)
    assert "the decoder crashed on it (SIGSEGV)" in failed.reason


def test_a_worker_killed_while_idle_costs_nothing(make: Any) -> None:
    path = make.picture("a.jpg")
    with MediaWorkers(processes=1) as workers:
        for _ in range(3):
            assert isinstance(workers.run(IdentifyTask(1, path))[-1], Identified)
            os.kill(workers.process_identifiers[0], signal.SIGKILL)


def test_a_file_that_keeps_its_worker_too_long_is_given_up(make: Any) -> None:
    slow = make.picture("slow.png", Image.effect_noise((9000, 9000), 50), compress_level=1)
    quick = make.picture("quick.jpg")
    with MediaWorkers(MediaLimits(picture_seconds=0.1), processes=1) as workers:
        workers.run(IdentifyTask(0, quick))
        closed = closings(
            list(workers.map([DecodeTask(1, slow, MediaKind.PICTURE), DecodeTask(2, quick, MediaKind.PICTURE)]))
        )
    assert isinstance(closed[1], Failed)
    # On a machine so busy that the worker hardly ran, it is not the file's fault.
    assert "took longer than 0.1 s" in closed[1].reason or "no progress for 0.1 s" in closed[1].reason
    assert isinstance(closed[2], Finished)


def test_a_worker_that_hangs_is_replaced(video: Path) -> None:
    limits = MediaLimits(video_seconds_base=1.0)
    with MediaWorkers(limits, EVERY_LOOK, processes=1) as workers:
        outcomes = []
        for outcome in workers.map([DecodeTask(1, video, MediaKind.VIDEO), IdentifyTask(2, video)]):
            if not outcomes:
                os.kill(workers.process_identifiers[0], signal.SIGSTOP)
            outcomes.append(outcome)
    closed = closings(outcomes)
    assert isinstance(closed[1], Failed)
    assert "no progress for 1 s while disk or machine were busy" in closed[1].reason
    assert isinstance(closed[2], Identified)


def test_memory_is_limited(make: Any) -> None:
    path = make.picture("a.png", Image.new("RGB", (6000, 6000)))
    with MediaWorkers(MediaLimits(memory_bytes=64 << 20), SAMPLING, processes=1) as workers:
        failed = workers.run(DecodeTask(1, path, MediaKind.PICTURE))[-1]
        assert isinstance(failed, Failed)
        assert isinstance(failed.error, MediaLimitError)
        assert "memory" in failed.reason
        assert isinstance(workers.run(DecodeTask(2, make.picture("b.jpg"), MediaKind.PICTURE))[-1], Finished)


def test_tasks_are_pulled_lazily_and_workers_wait_for_a_slow_caller(make: Any) -> None:
    path = make.picture("a.jpg")
    pulled = 0

    def tasks() -> Iterator[Task]:
        nonlocal pulled
        for pulled in range(1, 601):
            yield DecodeTask(pulled, path, MediaKind.PICTURE)

    with MediaWorkers(sampling=SAMPLING, processes=1) as workers:
        outcomes = workers.map(tasks())
        next(outcomes)
        time.sleep(0.3)
        assert pulled <= AHEAD_PER_WORKER
        assert sum(1 for _ in outcomes) == 2 * 600 - 1


def test_leaving_the_loop_ends_the_work(make: Any, video: Path) -> None:
    picture = make.picture("a.jpg")
    with MediaWorkers(sampling=EVERY_LOOK, processes=1) as workers:
        for _ in workers.map(DecodeTask(key, video, MediaKind.VIDEO) for key in range(100)):
            break
        started = time.monotonic()
        outcomes = list(workers.map([DecodeTask(1, picture, MediaKind.PICTURE)]))
        assert time.monotonic() - started < 8
        assert {outcome.key for outcome in outcomes} == {1}


def test_several_threads_may_run_tasks(make: Any, workers: MediaWorkers) -> None:
    paths = [make.picture(f"{number}.png", Image.new("RGB", (8 + number, 8))) for number in range(8)]
    widths: dict[int, int | None] = {}

    def run(number: int) -> None:
        finished = workers.run(DecodeTask(number, paths[number], MediaKind.PICTURE))[-1]
        assert isinstance(finished, Finished)
        widths[number] = finished.facts.width

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert widths == {number: 8 + number for number in range(8)}


def test_run_inside_a_loop_over_map_is_refused(make: Any, workers: MediaWorkers) -> None:
    path = make.picture("a.jpg")
    outcomes = workers.map([IdentifyTask(1, path)])
    next(outcomes)
    with pytest.raises(RuntimeError, match="could wait for itself"):
        workers.run(IdentifyTask(2, path))
    assert list(outcomes) == []
    assert isinstance(workers.run(IdentifyTask(2, path))[-1], Identified)


def test_workers_that_are_not_open_say_so(make: Any) -> None:
    with pytest.raises(RuntimeError, match="use them inside `with MediaWorkers"):
        MediaWorkers().run(IdentifyTask(1, make.picture("a.jpg")))


def test_workers_that_cannot_start_say_so(make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with (
        MediaWorkers(processes=1) as workers,
        pytest.raises(TransientMediaError, match="a media worker did not start"),
    ):
        workers.run(IdentifyTask(1, make.picture("a.jpg")))


def test_workers_end_with_the_pool(make: Any) -> None:
    with MediaWorkers(processes=2) as workers:
        list(workers.map(IdentifyTask(key, make.picture("a.jpg")) for key in range(4)))
        identifiers = workers.process_identifiers
        assert identifiers
    assert not any(psutil.pid_exists(identifier) for identifier in identifiers)


SCRIPT = """
import sys
from retrieval.media import IdentifyTask, MediaWorkers
with MediaWorkers(processes=1) as workers:
    print(type(workers.run(IdentifyTask(1, sys.argv[1]))[-1]).__name__)
    print(*workers.process_identifiers, flush=True)
    sys.stdin.read()
"""


def start_script(tmp_path: Path, path: Path) -> tuple[subprocess.Popen[str], int]:
    """A script without a main guard that holds a pool open; its process, and its worker's id."""
    (tmp_path / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "Identified\n"
    return process, int(process.stdout.readline())


def test_workers_die_with_a_parent_that_is_killed(make: Any, tmp_path: Path) -> None:
    process, worker = start_script(tmp_path, make.picture("a.jpg"))
    with process:
        assert psutil.pid_exists(worker)
        process.kill()
    wait_until(lambda: not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE)


def test_a_worker_knows_nothing_of_models_and_databases(make: Any, tmp_path: Path) -> None:
    process, worker = start_script(tmp_path, make.picture("a.jpg"))
    with process:
        mapped = Path(f"/proc/{worker}/maps").read_text()
        process.kill()
    assert "_imaging" in mapped
    assert not any(name in mapped for name in ("torch", "onnxruntime", "sqlite", "faiss", "cv2"))


@pytest.mark.parametrize(
    ("used_seconds", "kind"),
    [
        # Beside an encoder that takes all cores, a decoder of niceness 5 has a quarter of one.
        pytest.param(2.0, MediaLimitError, id="spins-beside-the-encoder"),
        pytest.param(0.5, TransientMediaError, id="was-kept-waiting"),
    ],
)
def test_who_is_to_blame_for_silence(used_seconds: float, kind: type[Exception]) -> None:
    keeper = _Keeper(Jobs(), MediaLimits(picture_seconds=10), SAMPLING, niceness=5)
    keeper._held.append(Job(DecodeTask(1, "a.jpg", MediaKind.PICTURE), Outbox(1)))
    keeper._process = SimpleNamespace(processor_seconds=lambda: used_seconds)  # type: ignore[assignment]
    assert type(keeper._timeout_error()) is kind


_SOME: Final = np.zeros((50, 100, 3), np.uint8)
_GREY: Final = np.zeros((75, 100), np.uint8)


@pytest.mark.parametrize(
    "large",
    [
        DecodedFrame(1, Frame(_SOME)),
        DecodedPiece(1, ScreenFrame(0, _SOME)),
        DecodedPiece(1, ClipFrames(0, _SOME[None])),
        DecodedPiece(1, FramePair(0, 0.1, _GREY, _GREY)),
        DecodedPiece(1, SoundPiece(0, np.zeros(7500, np.int16))),
        ThumbnailMade(1, bytes(15_000)),
        PreviewMade(1, bytes(15_000)),
    ],
    ids=["frame", "screen", "clip", "pair", "sound", "thumbnail", "preview"],
)
def test_what_waits_is_bounded_by_its_bytes_whatever_it_is(large: Outcome) -> None:
    """Two of 15,000 bytes fill the room; small ones hardly count."""
    outbox = Outbox(30_000)
    outbox.put(Failed(2, BadMediaError("it is bad")))
    outbox.put(large)
    outbox.put(large)
    blocked = threading.Thread(target=outbox.put, args=(large,), daemon=True)

    blocked.start()
    blocked.join(0.1)
    assert blocked.is_alive()
    assert isinstance(outbox.get(), Failed)
    assert outbox.get() is large
    blocked.join(5)
    assert not blocked.is_alive()
