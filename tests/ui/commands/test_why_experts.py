"""`vidi why` of video and sound: the experts that carry the best window, and the words that it rests on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer import index, run
from retrieval.experts.registry import Experts
from retrieval.media.pieces import Stream
from retrieval.spaces import mmt
from tests.indexer.test_listening import Small, film, tone
from tests.indexer.test_windows import write_model
from ui.command_line import main


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film and a sound of the library, by a small model of random weights."""
    monkeypatch.setattr(mmt, "MMT_STARTER", write_model(tmp_path / "model"))
    here = [Small("motion", Stream.PAIRS), Small("speech", Stream.SOUND)]
    monkeypatch.setattr(run, "time_experts", lambda **_: Experts(here))
    monkeypatch.setenv("VIDI_LIBRARY", str(tmp_path / "library"))
    folder = tmp_path / "media"
    folder.mkdir()
    film(folder / "film.mp4")
    tone(folder / "tone.wav")
    index([folder], tmp_path / "library")
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_sound_is_told_by_its_experts_and_quoted(media: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "media/tone.wav", "a purple heron"]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("0:00–0:0")
    assert "speaks most for 'a purple heron' in mmt/starter: " in first
    (speech, quote) = lines
    assert speech.split()[0] == "speech"
    assert " × " in speech
    assert quote.endswith("by a machine's transcript)")
    assert not list(media.parent.glob("*.why.png"))


def test_the_terms_are_weight_times_agreement_and_sum_to_the_score(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", "media/film.mp4", "coloured noise", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert Path(facts["out"]).exists()
    told = facts["experts"]
    assert told["space"] == "mmt/starter"
    assert {term["term"] for term in told["terms"]} == {"appearance", "motion", "frames"}  # it is silent
    assert sum(term["share"] for term in told["terms"]) == pytest.approx(told["score"], abs=1e-3)
    for term in told["terms"]:
        assert term["share"] == pytest.approx(term["weight"] * term["agreement"], abs=1e-3)


def test_a_video_is_drawn_and_told_also_by_a_space_that_is_named(
    media: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["why", "media/film.mp4", "coloured noise", "--space", "mmt/starter"]) == 0
    drawn, *lines = capsys.readouterr().out.splitlines()
    assert drawn.startswith("film.mp4.why.png")
    assert any(line.split()[0] == "motion" for line in lines)
    assert main(["why", "media/film.mp4", "coloured noise", "--space", "starter"]) == 0
    assert "motion" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["other.wav", "weather"], r"the library holds no windows of other.wav"),
        (["media/tone.wav", "weather", "--space", "starter"], "let --space name a space of windows"),
        (["media/tone.wav", "weather", "--out", "why.png"], "--out is for what can be seen"),
        (["media/tone.wav", "weather", "--at", "900"], "has nothing at 900 s"),
        (["media/tone.wav", " "], "nothing is asked"),
        (["notes.txt", "weather"], "no picture, video or sound by its name; expected one such"),
    ],
)  # fmt: skip
def test_what_cant_be_told_is_said_in_a_line(
    media: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["why", *arguments]) in (1, 2)
    assert told in capsys.readouterr().err
