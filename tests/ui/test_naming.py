"""What a person types to run the program again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ui.naming import command_name


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``vidi`` that the shell finds."""
    program = tmp_path / "bin" / "vidi"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def test_the_one_that_the_shell_finds_goes_by_its_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(installed)])
    assert command_name() == "vidi"


def test_another_goes_by_its_path(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "my env" / "vidi"
    other.parent.mkdir()
    other.touch()
    monkeypatch.setattr(sys, "argv", [str(other)])
    assert command_name() == f"'{other}'"


def test_a_module_goes_by_its_interpreter(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/ui/command_line.py"])
    assert command_name().endswith(" -m ui.command_line")
