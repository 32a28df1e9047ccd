"""Which benchmarks a command measures: one by its name, whatever data it needs, and nothing beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import run


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where results go; every benchmark only tells what it was given."""
    for group in (run.BENCHMARKS, run.OF_CAPTIONS, run.OF_IMAGES):
        for name in group:
            monkeypatch.setitem(group, name, lambda *given: {"given": [str(each) for each in given][-1]})
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def _measured(results: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text())["figures"]["given"] for path in results.glob("*.json")}


def test_one_on_data_of_ones_own_is_measured_alone(results: Path) -> None:
    run.main(["--only", "tags", "--captions", "photographs", "--media", "made"])
    assert _measured(results) == {"tags": "made"}


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ([], {*run.BENCHMARKS}),
        (["--captions", "photographs"], {*run.BENCHMARKS, *run.OF_CAPTIONS}),
        (["--images", "pictures"], {*run.BENCHMARKS, *run.OF_IMAGES}),
    ],
)
def test_all_are_measured_whose_data_are_there(results: Path, more: list[str], names: set[str]) -> None:
    run.main(more)
    assert set(_measured(results)) == names


@pytest.mark.parametrize(("name", "option"), [("tags", "--captions"), ("classifier", "--images")])
def test_data_that_is_lacking_is_asked_for(
    results: Path, name: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(["--only", name])
    assert f"{name} is measured on data of yours; give {option}" in capsys.readouterr().err
    assert _measured(results) == {}
