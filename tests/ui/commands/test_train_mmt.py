"""`vidi train mmt` as a person types it: help, what is refused, and (long) a kill that costs nothing."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from retrieval.training.mmt.run import MmtRun
from tests.retrieval.training.mmt.conftest import write_video
from ui.command_line import main
from ui.commands.train_mmt import _command, add_arguments
from ui.exit_codes import EXIT_FAILURE, EXIT_USAGE

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]
RUN = "import sys; from ui.command_line import main; sys.exit(main(sys.argv[1:]))"


def only_line(capsys: Captured) -> str:
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = [line for line in shown.err.splitlines() if "without the" not in line]
    assert len(lines) == 1, shown.err
    return lines[0]


def test_help_names_every_argument(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "mmt", "--help"])
    shown = capsys.readouterr().out
    names = (
        "--captions",
        "--out",
        "--dev",
        "--held-out",
        "--tracks",
        "--loss",
        "--epochs",
        "--batch",
        "--compose",
        "--expert",
    )
    assert all(name in shown for name in names)


def test_a_table_that_is_not_there_is_told(tmp_path: Path, capsys: Captured) -> None:
    absent = str(tmp_path / "absent.csv")
    assert main(["train", "mmt", "--captions", absent, "--out", str(tmp_path / "out")]) == EXIT_FAILURE
    assert "absent.csv can't be read" in only_line(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--sounds", "x"], "--sounds is for videos composed of photographs; give --compose too, or leave it out"),
        (["--atoms", "x"], "--atoms is for videos composed of photographs"),
        (["--clips", "20"], "--clips is for videos composed of photographs"),
        (["--expert", "motion=i3d"], "there is no expert's model 'i3d'"),
        (["--compose", "--dev", "x.csv"], "--dev is for videos: of photographs, a twentieth is held out; leave it out"),
        (["--compose", "--held-out", "0.1"], "--held-out is for videos: of photographs, a twentieth is held out"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(tmp_path: Path, capsys: Captured, more: list[str], message: str) -> None:
    table = tmp_path / "captions.csv"
    table.write_text("path,caption\na.mp4,x\n")
    assert main(["train", "mmt", "--captions", str(table), "--out", str(tmp_path / "out"), *more]) == EXIT_USAGE
    assert message in only_line(capsys)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--width", "10"], "expected a multiple of 4 from 8 on, got '10'"),
        (["--width", "4"], "expected a multiple of 4 from 8 on, got '4'"),
        (["--learning-rate", "nan"], "expected a number more than 0, got 'nan'"),
        (["--learning-rate", "-1"], "expected a number more than 0, got '-1'"),
        (["--learning-rate", "inf"], "expected a number more than 0, got 'inf'"),
        (["--held-out", "0.2", "--dev", "x.csv"], "not allowed with argument --held-out"),
    ],
)
def test_numbers_that_train_nothing_are_refused(capsys: Captured, more: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=str(EXIT_USAGE)):
        main(["train", "mmt", "--captions", "x.csv", "--out", "out", *more])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("device", ["foo", "meta", "cuda:99"])
def test_a_device_that_is_not_here_is_told_before_media_are_read(tmp_path: Path, capsys: Captured, device: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film")
    table = tmp_path / "captions.csv"
    table.write_text("path,caption\na.mp4,x\n")
    command = ["train", "mmt", "--captions", str(table), "--out", str(tmp_path / "out"), "--device", device]
    assert main(command) == EXIT_USAGE
    assert f"the device '{device}' can't be used here" in only_line(capsys)
    assert not (tmp_path / "out").exists()


def test_photographs_that_are_too_few_are_refused(tmp_path: Path, capsys: Captured) -> None:
    table = tmp_path / "captions.csv"
    table.write_text("path,caption\na.png,x\n")
    (tmp_path / "sounds.csv").write_text("file,subject,verb,participle\nsounds.csv,a bell,tolls,tolling\n")
    command = ["train", "mmt", "--captions", str(table), "--out", str(tmp_path / "out"), "--compose"]
    assert main([*command, "--sounds", str(tmp_path)]) == EXIT_FAILURE
    assert "has 1 captioned pictures, expected at least 50" in only_line(capsys)


@pytest.mark.parametrize(
    ("more", "data"),
    [
        ([], "--held-out 0.1"),
        (["--held-out", "0.25"], "--held-out 0.25"),
        (["--dev", "there/my dev.csv"], "--dev 'my dev.csv'"),
        (["--compose"], "--compose --clips 40000"),
        (["--whisper", "here/my model"], "--whisper 'my model' --held-out 0.1"),
        (["--compose", "--clips", "20", "--sounds", "here/bells"], "--compose --clips 20 --sounds bells"),
    ],
)
def test_the_card_tells_all_that_the_run_was_given(more: list[str], data: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    told = _command(parser.parse_args(["--captions", "here/a.csv", "--out", "x", *more]))
    assert told == (
        "vidi train mmt --captions a.csv --out DIR --loss margin --epochs 20 --batch 64 --learning-rate 0.0005 "
        f"--each-expert 0.2 --leave-out 0 --precision auto --width 256 --layers 2 {data} --seed 0"
    )


def test_a_second_run_says_what_is_there_and_no_more(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = {"text_to_media": {"R@1": 50.0, "MdR": 1.5}, "held_out_clips": 2}

    def train(run: MmtRun) -> dict[str, Any]:
        run.say(f"{run.out} is trained already; give another --out to train anew")
        return {"figures": figures}

    monkeypatch.setattr(MmtRun, "train", train)
    assert main(["train", "mmt", "--captions", "a.csv", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "text to media   R@1 50  MdR 1.5  of 2 held-out clips" in shown.out
    assert "is trained already" in shown.err
    assert "written" not in shown.out + shown.err


@pytest.mark.long
def test_a_learning_rate_that_diverges_is_a_failure_in_one_line(tmp_path: Path, capsys: Captured) -> None:
    rows = ["path,caption"]
    for number in range(10):
        write_video(tmp_path / f"{number}.mp4", 1.0, seed=number)
        rows.append(f"{number}.mp4,texture {number} drifts")
    (tmp_path / "captions.csv").write_text("\n".join(rows) + "\n")
    command = [
        "train", "mmt", "--captions", str(tmp_path / "captions.csv"), "--out", str(tmp_path / "out"), "--tracks",
        str(tmp_path / "tracks"), "--epochs", "3", "--batch", "4", "--width", "16", "--device", "cpu",
        "--learning-rate", "1e30",
    ]  # fmt: skip
    assert main(command) == EXIT_FAILURE
    assert "the training diverged: after " in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out" / "card.json").exists()


@pytest.mark.long
def test_a_killed_run_ends_with_the_same_bytes(tmp_path: Path) -> None:
    rows = ["path,caption"]
    for number in range(12):
        write_video(tmp_path / f"{number}.mp4", 1.0, seed=number)
        rows.append(f"{number}.mp4,texture {number} drifts")
    (tmp_path / "captions.csv").write_text("\n".join(rows) + "\n")
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert start(tmp_path, whole).wait(600) == 0
    process = start(tmp_path, stopped)
    state = stopped / "cache" / "state.pt"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert not (stopped / "card.json").exists()
    assert start(tmp_path, stopped).wait(600) == 0
    assert (stopped / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert not (stopped / "cache").exists()


def start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-c", RUN, "train", "mmt", "--captions", str(folder / "captions.csv"), "--out", str(out),
        "--tracks", str(folder / "tracks"), "--epochs", "30", "--batch", "4", "--width", "64", "--device", "cpu",
    ]  # fmt: skip
    surroundings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=surroundings, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
