"""`vidi train mmt` as a person types it: help, what is refused, and (long) a kill that costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.retrieval.training.mmt.conftest import write_video
from ui.command_line import main
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
        (["--sounds", "x"], "--sounds and --atoms are for composed videos; give --compose too"),
        (["--expert", "motion=i3d"], "there is no expert's model 'i3d'"),
        (["--compose", "--dev", "x.csv"], "--dev is for videos: of photographs, a twentieth is held out"),
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
