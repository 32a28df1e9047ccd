"""The border of the command: exit codes that no library can change."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from retrieval.errors import LibraryError
from ui import command_line
from ui.interruption import Interrupted, Interruption

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_as(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `vidi models` do something else."""

    def replace(run: Any) -> int:
        module = SimpleNamespace(add_arguments=lambda parser: None, run=run)
        monkeypatch.setattr(command_line, "_load", lambda entry: module)
        return command_line.main(["models"])

    return replace


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_is_an_interruption(run_as: Any, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_as(lambda arguments: signal.raise_signal(number)) == 130
    assert capsys.readouterr().err == "vidi: stopped\n"


def test_an_interruption_that_a_library_makes_an_import_error_of_is_still_one(
    run_as: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted_import(arguments: object) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ImportError("numpy._core.multiarray failed to import") from error
        return 0

    assert run_as(interrupted_import) == 130
    assert capsys.readouterr().err == "vidi: stopped\n"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (LibraryError("the disk is full; make room"), "vidi: the disk is full; make room\n"),
        (AssertionError("x"), "vidi: AssertionError: x\n"),
    ],
    ids=["expected", "unexpected"],
)
def test_what_fails_after_an_interruption_is_told_too(
    run_as: Any, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    def fails_to_commit(arguments: object) -> int:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raise error

    assert run_as(fails_to_commit) == 130
    assert capsys.readouterr().err == f"{told}vidi: stopped\n"


def test_an_import_error_without_an_interruption_is_not_hidden(run_as: Any) -> None:
    def broken(arguments: object) -> int:
        raise ImportError("no such library")

    with pytest.raises(ImportError, match="no such library"):
        run_as(broken)


def test_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match=r"^$"), Interruption() as interruption:
        signal.raise_signal(signal.SIGTERM)
    assert interruption.came
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_interruption_inside_exec_ends_with_the_exit_code_not_by_the_signal() -> None:
    script = """
import sys
from types import SimpleNamespace
from ui import command_line
def run(arguments):
    exec("import signal; signal.raise_signal(signal.SIGINT)")
command_line._load = lambda entry: SimpleNamespace(add_arguments=lambda parser: None, run=run)
sys.exit(command_line.main(["models"]))
"""
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (process.returncode, process.stderr) == (130, "vidi: stopped\n")
