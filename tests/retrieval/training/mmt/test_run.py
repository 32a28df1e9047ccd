"""`vidi train mmt` from files to a folder: what is read, what is left out with a plain line, and what is written."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Never

import numpy as np
import pytest

from retrieval.errors import DatasetError, ModelError, UsageError, WeightsError
from retrieval.evaluation import video_items
from retrieval.evaluation.captions import CaptionedItem
from retrieval.evaluation.retrieval_protocol import evaluate_retrieval
from retrieval.experts.extraction import extract_tracks
from retrieval.experts.motion import Motion
from retrieval.experts.over_time import Told
from retrieval.experts.registry import AbsentExpert, Experts
from retrieval.media.pieces import Piece
from retrieval.models.mmt_folder import read_mmt_folder
from retrieval.models.mmt_inference import VideoSide
from retrieval.search.query import By
from retrieval.spaces.registry import get_space
from retrieval.training.composed.film import write_sound
from retrieval.training.composed.sounds import SAMPLE_RATE
from retrieval.training.mmt import run as module
from retrieval.training.mmt import tracks as tracks_module
from retrieval.training.mmt.recipe import MmtRecipe
from retrieval.training.mmt.run import MmtRun, VideoSource
from retrieval.training.mmt.videos import split_by_video
from retrieval.types import FeatureTrack, MediaKind, Span
from tests.broken_package import break_package
from tests.end_to_end.test_odd_videos import write_set_back, write_slowly
from tests.retrieval.training.mmt.conftest import write_video

Rows = Sequence[tuple[str, ...]]


@pytest.fixture(autouse=True)
def _quick_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames and motion; what listens and reads is not here."""
    absent = [AbsentExpert("audio", 'faster_whisper is not installed; run: pip install "vidi[speech]"')]
    monkeypatch.setattr(module, "time_experts", lambda **_: Experts([Motion()], absent))


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dozen short videos, and files of other kinds."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(12):
        write_video(folder / f"{number}.mp4", 1.0, seed=number)
    write_video(folder / "one_frame.mp4", 0.1, seed=50)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    write_video(folder / "silence.mp4", 1.0, seed=51, wave=np.zeros(SAMPLE_RATE, np.float32))
    write_sound(tone, folder / "sound.wav")
    (folder / "broken.mp4").write_bytes(b"not a video")
    (folder / "notes.txt").write_text("words")
    return folder


def table(folder: Path, rows: Rows, name: str = "captions.csv", *, spans: bool = False) -> Path:
    header = ("path", "caption", *(("start_seconds", "end_seconds") if spans else ()))
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / name


def plain_rows(count: int = 12) -> list[tuple[str, ...]]:
    return [(f"{number}.mp4", f"texture {number} drifts") for number in range(count)]


def mmt_run(captions: Path, out: Path, lines: list[str], **options: object) -> MmtRun:
    return MmtRun(
        source=VideoSource(captions=captions, held_out=0.2), out=out, say=lines.append, command="vidi train mmt",
        tracks=out.parent / "tracks", recipe=MmtRecipe(epochs=2, batch=4), width=16, layers=1, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_folder_is_written_that_reads_again(videos: Path, tmp_path: Path, lines: list[str]) -> None:
    captions = table(videos, plain_rows())
    card = mmt_run(captions, tmp_path / "out", lines).train()
    folder = read_mmt_folder(tmp_path / "out")
    assert folder.config.names == ("appearance", "motion")
    assert [term.name for term in folder.config.aligned] == ["event 1", "event 2", "event 3"]
    assert VideoSide(folder.config, folder.weights()) is not None
    assert card["data"]["clips"] == 10
    assert card["figures"]["held_out_clips"] == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "card.json", "config.json", "learning_curve.csv", "learning_curve.svg", "model.safetensors", "training.json",
    ]  # fmt: skip
    assert "R@10, held out" in (tmp_path / "out" / "learning_curve.svg").read_text()
    assert any("without the audio expert" in line and "pip install" in line for line in lines)
    assert "chance" not in card
    assert any("no chances learned of 2 held-out clips, expected at least 50" in line for line in lines)
    assert any("R@1/5/10" in line and " of 2 held-out clips" in line for line in lines)


def test_experts_that_do_not_load_are_told_and_left_out_before_anything_is_read(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_package("cv2", tmp_path, monkeypatch)
    mmt_run(table(videos, plain_rows()), tmp_path / "out", lines).train()
    assert read_mmt_folder(tmp_path / "out").config.names == ("appearance",)
    told = (
        "without the motion expert: OpenCV is installed, but can't be imported (libGL.so.1 is gone); run: pip install"
    )
    assert any(line.startswith(told) for line in lines)


def test_a_run_whose_expert_breaks_off_is_not_written(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(Motion, "begin", _broken_off)
        with pytest.raises(ModelError, match="the expert motion broke off"):
            mmt_run(table(videos, plain_rows()), tmp_path / "out", lines).train()
    assert not (tmp_path / "out" / "config.json").exists()
    assert mmt_run(table(videos, plain_rows()), tmp_path / "out", lines).train()["data"]["clips"] == 10


def _broken_off(_self: Motion) -> Never:
    raise WeightsError("its library is gone")


def test_the_second_run_decodes_nothing(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    captions = table(videos, plain_rows())
    mmt_run(captions, tmp_path / "first", lines).train()
    monkeypatch.setattr(tracks_module, "extract_tracks", lambda *_args, **_more: pytest.fail("decoded again"))
    mmt_run(captions, tmp_path / "second", lines).train()
    first, second = (tmp_path / name / "model.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    mmt_run(captions, tmp_path / "first", lines).train()
    assert "is trained already" in lines[-1]
    assert sum(line.startswith("written: ") for line in lines) == 2


def test_another_seed_and_one_more_video_decode_that_one_alone(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mmt_run(table(videos, plain_rows(11)), tmp_path / "first", lines).train()
    decoded: list[Path] = []

    def extract(files: Sequence[tuple[Path, MediaKind]], *more: Any, **options: Any) -> Iterator[Any]:
        decoded.extend(path for path, _ in files)
        return extract_tracks(files, *more, **options)

    monkeypatch.setattr(tracks_module, "extract_tracks", extract)
    captions = table(videos, plain_rows(12)[::-1], "more.csv")
    MmtRun(
        source=VideoSource(captions=captions, held_out=0.25, seed=3), out=tmp_path / "second", say=lines.append,
        command="", tracks=tmp_path / "tracks", recipe=MmtRecipe(epochs=1, batch=4, seed=3), width=16, layers=1,
    ).train()  # fmt: skip
    assert [path.name for path in decoded] == ["11.mp4"]


def test_a_run_killed_before_its_first_file_is_begun_again(videos: Path, tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".training.json.part").touch()
    mmt_run(table(videos, plain_rows()), tmp_path / "out", lines).train()
    assert not list((tmp_path / "out").glob(".*"))


def test_what_cant_be_used_is_left_out_with_a_line_each(videos: Path, tmp_path: Path, lines: list[str]) -> None:
    odd = [
        ("one_frame.mp4", "one frame"), ("silence.mp4", "silence"), ("absent.mp4", "nowhere"), ("notes.txt", "words"),
        ("broken.mp4", "broken"), ("sound.wav", "a tone"), ("slow.mp4", "five a second"), ("joined.ts", "set back"),
        ("lost.mp4", "gone"), ("away.mp4", "gone too"),
    ]  # fmt: skip
    write_slowly(videos / "slow.mp4", seed=70, rate=5)
    write_set_back(videos / "joined.ts")
    captions = table(videos, [*plain_rows(), *odd])
    source = VideoSource(captions=captions, held_out=0.0)
    run = MmtRun(
        source=source, out=tmp_path / "out", say=lines.append, command="", tracks=tmp_path / "tracks",
        recipe=MmtRecipe(epochs=1, batch=4), width=16, layers=1,
    )  # fmt: skip
    card = run.train()
    assert card["data"]["clips"] == 16
    assert card["data"]["left_out"] == 6
    told = {line.split(": ")[1].split("/")[-1]: line for line in lines if line.startswith("left out: ")}
    for name in ("absent.mp4", "lost.mp4", "away.mp4"):
        assert "there is no such file; check the table" in told[name]
    assert "it is no video or sound" in told["notes.txt"]
    assert "not a video or sound that can be read" in told["broken.mp4"]
    # Neither expert that is here hears.
    assert "no expert has anything to say of it" in told["sound.wav"]


class HalfUnsound(Motion):
    """What it says of every second file is no number."""

    asked = 0

    def begin(self) -> Any:
        self.asked += 1
        return UnsoundReading() if self.asked % 2 else super().begin()


class UnsoundReading:
    def add(self, piece: Piece) -> None:
        pass

    def finish(self, duration_seconds: float) -> Told:
        times = np.array([[0, duration_seconds]], np.float32)
        return Told(FeatureTrack(times, np.full((1, Motion.dim), np.nan, np.float16)))


def test_an_expert_that_gives_no_numbers_of_half_of_the_videos_is_told_and_masked_there(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "time_experts", lambda **_: Experts([HalfUnsound()], []))
    card = mmt_run(table(videos, plain_rows()), tmp_path / "out", lines).train()
    assert card["data"]["clips"] == 10
    assert any("the motion expert failed at it" in line and "not finite" in line for line in lines)
    weights = read_mmt_folder(tmp_path / "out").weights()
    assert all(np.isfinite(tensor).all() for tensor in weights.values())


def test_parts_of_a_video_are_clips_of_their_own(videos: Path, tmp_path: Path, lines: list[str]) -> None:
    write_video(videos / "long.mp4", 10.0, seed=60)
    rows = [("long.mp4", f"part {k}", str(k), str(k + 1)) for k in range(10)] + [("long.mp4", "after it", "20", "21")]
    source = VideoSource(captions=table(videos, rows, spans=True), held_out=0.0)
    run = MmtRun(
        source=source, out=tmp_path / "out", say=lines.append, command="", tracks=tmp_path / "tracks",
        recipe=MmtRecipe(epochs=1, batch=4), width=16, layers=1,
    )  # fmt: skip
    assert run.train()["data"]["clips"] == 10
    assert any("no expert has anything to say of it in that time" in line for line in lines)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (plain_rows(3), "has 3 clips that can be trained on, expected at least 8"),
        ([(f"no{k}.mp4", "x") for k in range(9)], "has 0 clips .* there is no such file; check the table"),
    ],
)
def test_too_few_clips_are_refused_and_no_folder_is_left(
    videos: Path, tmp_path: Path, lines: list[str], rows: Rows, message: str
) -> None:
    captions = table(videos, rows)
    run = MmtRun(
        source=VideoSource(captions=captions, held_out=0.0), out=tmp_path / "out", say=lines.append, command="",
        tracks=tmp_path / "tracks", recipe=MmtRecipe(epochs=1, batch=4), width=16, layers=1,
    )  # fmt: skip
    with pytest.raises(DatasetError, match=message):
        run.train()
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_is_refused(videos: Path, tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds files that are not of this training"):
        mmt_run(table(videos, plain_rows()), tmp_path / "out", lines).train()


def test_no_video_is_on_both_sides() -> None:
    items = [CaptionedItem(Path(f"{n // 3}.mp4"), Span(n, n + 1), ("x",)) for n in range(60)]
    train, held_out = split_by_video(items, 0.25, 0)
    assert len(held_out) == 15
    assert not {item.path for item in train} & {item.path for item in held_out}
    assert split_by_video(items, 0.25, 0) == (train, held_out)


def test_a_video_of_the_training_is_not_measured_on(videos: Path, tmp_path: Path, lines: list[str]) -> None:
    (videos / "again.mp4").symlink_to(videos / "3.mp4")
    train, dev = table(videos, plain_rows()[:9]), table(videos, [("9.mp4", "new"), ("again.mp4", "seen")], "dev.csv")
    run = MmtRun(
        source=VideoSource(captions=train, dev=dev), out=tmp_path / "out", say=lines.append, command="",
        tracks=tmp_path / "tracks", recipe=MmtRecipe(epochs=1, batch=4), width=16, layers=1,
    )  # fmt: skip
    with pytest.raises(DatasetError, match=r"again\.mp4 is in .*captions\.csv and in .*dev\.csv"):
        run.train()
    assert not (tmp_path / "out").exists()


def test_another_table_is_measured_on(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train, dev = table(videos, plain_rows()[:9]), table(videos, plain_rows()[9:], "dev.csv")
    run = MmtRun(
        source=VideoSource(captions=train, dev=dev), out=tmp_path / "out", say=lines.append, command="",
        tracks=tmp_path / "tracks", recipe=MmtRecipe(epochs=1, batch=4), width=16, layers=1,
    )  # fmt: skip
    card = run.train()
    assert (card["data"]["clips"], card["figures"]["held_out_clips"]) == (9, 3)
    history = (tmp_path / "out" / "learning_curve.csv").read_text().splitlines()
    assert history[0].startswith("epoch,learning_rate,train_loss,dev_r1")
    written = json.loads((tmp_path / "out" / "card.json").read_text())["figures"]["text_to_media"]
    # What is told is what the folder does, measured as a space from the files themselves.
    monkeypatch.setattr(video_items, "time_experts", lambda **_: Experts([Motion()], []))
    again = evaluate_retrieval(dev, get_space(f"mmt/{tmp_path / 'out'}"), by=By.SPACE).text_to_media.to_json()
    assert written == again
    last = list(csv.DictReader(history))[-1]
    assert float(last["dev_r1"]) == written["R@1"]
    assert 1 <= written["MnR"] <= 3


def test_long_films_are_measured_by_the_windows_that_a_search_compares(
    videos: Path, tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        write_video(videos / f"long{number}.mp4", 31.0, seed=80 + number)
    train = table(videos, [*plain_rows()[:9], ("long0.mp4", "a long texture drifts")])
    dev = table(videos, [("long1.mp4", "texture 81 drifts"), *plain_rows()[9:]], "dev.csv")
    run = MmtRun(
        source=VideoSource(captions=train, dev=dev), out=tmp_path / "out", say=lines.append, command="",
        tracks=tmp_path / "tracks", recipe=MmtRecipe(epochs=1, batch=4), width=16, layers=1,
    )  # fmt: skip
    card = run.train()
    assert (card["data"]["clips"], card["data"]["windows"]) == (10, 11)
    assert any("longer than 30 s is cut as a search compares it: 11 windows of 10 clips" in line for line in lines)
    monkeypatch.setattr(video_items, "time_experts", lambda: Experts([Motion()], []))
    again = evaluate_retrieval(dev, get_space(f"mmt/{tmp_path / 'out'}"), by=By.SPACE).text_to_media.to_json()
    assert card["figures"]["text_to_media"] == again
