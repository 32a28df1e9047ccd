"""`vidi train contrastive` as a person types it; the run itself is tested with the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.training.starter_run import StarterRun
from ui.command_line import main
from ui.exit_codes import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE

Captured = pytest.CaptureFixture[str]


def _command(folder: Path, *more: str) -> list[str]:
    tables = ["--captions", str(folder / "train.csv"), "--dev", str(folder / "dev.csv")]
    return ["train", "contrastive", *tables, "--out", str(folder / "out"), *more]


def test_help_names_every_argument(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "contrastive", "--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("--captions", "--dev", "--out", "--seed", "--leave-out-names", "--data"))


def test_figures_go_to_stdout_and_progress_to_stderr(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(run: StarterRun) -> dict[str, float]:
        run.say(f"seed {run.config.seed}, without the names of {run.unseen_seed}")
        return {"R@1": 29.0}

    monkeypatch.setattr(StarterRun, "train", train)
    assert main(_command(tmp_path, "--seed", "3", "--leave-out-names", "17")) == 0
    shown = capsys.readouterr()
    assert shown.out.split() == ["R@1", "29.0"]
    assert shown.err == "vidi: seed 3, without the names of 17\n"


def test_a_stop_says_how_to_continue(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(run: StarterRun) -> dict[str, float]:
        raise KeyboardInterrupt

    monkeypatch.setattr(StarterRun, "train", train)
    assert main(_command(tmp_path)) == EXIT_INTERRUPTED
    assert "run the same command again to continue" in capsys.readouterr().err


def test_no_captions_is_one_line(tmp_path: Path, capsys: Captured) -> None:
    assert main(_command(tmp_path)) == EXIT_FAILURE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "dev.csv" in shown.err


def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "out").touch()
    assert main(_command(tmp_path)) == EXIT_USAGE
    assert "can't be written" in capsys.readouterr().err


def test_a_seed_is_a_whole_number(tmp_path: Path, capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(_command(tmp_path, "--seed", "many"))
    assert "expected a whole number from 0 up, got 'many'" in capsys.readouterr().err
