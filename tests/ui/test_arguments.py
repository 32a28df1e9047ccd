"""Words of a query on the shell: what begins with one dash is no option."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ui import command_line
from ui.arguments import words_of
from ui.commands import search


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `vidi search` is asked: its words, and its kind."""
    said: list[Any] = []

    def run(arguments: Any) -> int:
        said.append((words_of([*arguments.query, *arguments.more_words]), arguments.kind))
        return 0

    module = SimpleNamespace(add_arguments=search.add_arguments, run=run)
    monkeypatch.setattr(command_line, "_load", lambda entry: module)

    def ask(*arguments: str) -> Any:
        assert command_line.main(["search", *arguments]) == 0
        return said[-1]

    return ask


@pytest.mark.parametrize(
    ("arguments", "words", "kind"),
    [
        ("beach -people", "beach -people", None),
        ("-people beach", "-people beach", None),
        ("-- -people beach", "-people beach", None),
        ("--kind video -people beach", "-people beach", "video"),
        ("-people --kind=video beach -x", "-people beach -x", "video"),
        ("beach --kind video -- -people --top", "beach -people --top", "video"),
        ("-kind:video -5 -", "-kind:video -5 -", None),
        ("a -- --", "a --", None),
    ],
)
def test_words_may_begin_with_a_dash_and_stand_anywhere(asked: Any, arguments: str, words: str, kind: str) -> None:
    assert asked(*arguments.split()) == (words.split(), kind)


def test_a_whole_query_may_be_one_argument(asked: Any) -> None:
    assert asked('-"a crowd" beach', "--kind", "video", " -x") == (['-"a crowd" beach', "-x"], "video")


def test_unknown_options_are_refused(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        asked("beach", "--nope")
    assert "unrecognized arguments: --nope" in capsys.readouterr().err


def test_help_stays_help(asked: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        asked("-h")
    assert "kind:video" in capsys.readouterr().out
