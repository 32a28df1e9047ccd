from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.retrieval.evaluation.authors_features import write_data_set
from tests.retrieval.evaluation.test_mmt_protocol import data_set
from ui.command_line import main

__all__ = ["data_set"]  # a fixture


def test_the_table_is_printed_for_people_and_as_json(data_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mmt", "--features", str(data_set), "--split", "jsfusion"]) == 0
    told = capsys.readouterr()
    assert main(["eval", "mmt", "--features", str(data_set), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)

    assert list(figures["text_to_media"]) == ["R@1", "R@5", "R@10", "R@50", "MdR", "MnR"]
    assert list(figures["media_to_text"]) == ["R@1", "R@5", "R@10", "R@50", "MdR", "MnR"]
    assert "text to media   R@1" in told.out
    assert "6 of 6 videos" in told.err
    assert figures["split"] == "jsfusion"


def test_what_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "mmt", "--features", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1

    write_data_set(tmp_path)
    assert main(["eval", "mmt", "--features", str(tmp_path), "--split", "1k-A"]) == 1
    assert "there is no split '1k-A'" in capsys.readouterr().err
