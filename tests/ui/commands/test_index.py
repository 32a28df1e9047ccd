"""What `vidi index` prints of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.report import IndexReport
from ui.command_line import main
from ui.commands.index import _lines
from ui.exit_codes import EXIT_FAILURE, EXIT_USAGE

HEARD_BY_WORDS = "Sounds are found by what is said in them, where the speech expert could hear it."


def test_windows_are_told_and_sounds_with_windows_are_found_by_more_than_words() -> None:
    report = IndexReport(unchanged=2, sounds=1, windowed=2)
    assert report.has_news
    lines = _lines(report.to_json())
    assert "Windows made from what was kept: 2 files." in lines
    assert HEARD_BY_WORDS not in lines


def test_sounds_without_windows_are_found_by_words() -> None:
    lines = _lines(IndexReport(new=1, sounds=1).to_json())
    assert HEARD_BY_WORDS in lines
    assert not any(line.startswith("Windows") for line in lines)


def test_where_nothing_was_done_nothing_is_told_of_windows_and_sounds() -> None:
    assert _lines(IndexReport(unchanged=3).to_json()) == ["Found: 3 unchanged."]


def test_experts_of_ones_own_are_named_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["index", "--help"])
    shown = capsys.readouterr().out
    assert "--expert NAME=MODEL:WEIGHTS" in shown
    assert "motion=torchvision/r2plus1d_18:FILE" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["motion=i3d"], EXIT_USAGE, "there is no expert's model 'i3d'"),
        (["audio=clap:a", "audio=vggish:b"], EXIT_USAGE, "two models are given for the expert audio"),
        (["motion=torchvision/s3d:absent.pth"], EXIT_FAILURE, "absent.pth is no file: expected weights"),
    ],
)
def test_what_is_wrong_with_them_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], code: int, message: str
) -> None:
    options = [word for model in given for word in ("--expert", model)]

    assert main(["--library", str(tmp_path / "library"), "index", str(tmp_path), *options]) == code

    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "library").exists()
