"""`vidi eval` as a person types it."""

from __future__ import annotations

import pytest

from ui.command_line import main
from ui.exit_codes import EXIT_USAGE


def test_a_classifier_and_a_space_are_not_measured_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=str(EXIT_USAGE)):
        main(["eval", "tags", "--labels", "l.csv", "--classifier", "imagenet", "--space", "starter"])
    assert "--space: not allowed with argument --classifier" in capsys.readouterr().err
